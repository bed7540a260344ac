import pytest

from quarry.train.hosts.workarounds import apply_workarounds
from tests.quick_compile import quick_compile

__all__ = ["quick_compile"]


@pytest.fixture(autouse=True, scope="session")
def workarounds():
    """What each command applies at its start."""
    apply_workarounds()
