"""The same training and evaluation on every mesh, scanned or unrolled, rematerialised or not."""

import pytest

from quarry.train.launch.bound_processes import PYTHON
from tests.commands import run
from tests.conftest import ROOT
from tests.quick_compile import QUICK_FLAGS
from tests.train.pairs import devices
from tests.train.run.mesh_cases import CASES

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", CASES)
def test_every_mesh_does_the_same(case, cache):
    """The first state is compiled as users' is: XLA's older emitter rounds by the mesh."""
    variables = devices(cache, 8)
    if case == "first_states":
        variables["XLA_FLAGS"] = variables["XLA_FLAGS"].removeprefix(QUICK_FLAGS)
    process = run([*PYTHON, "tests.train.run.mesh_cases", case, str(cache)], variables, cwd=ROOT)
    said = process.communicate(timeout=600)
    assert process.returncode == 0, said
