"""For studies of which a test reads no answer by several laws: five of six fits are left out."""

from contextlib import AbstractContextManager
from unittest import mock

from quarry.analysis.epochs.surfaces import SURFACES
from quarry.analysis.laws.repeated_data import DATA_CONSTRAINED


def one_law() -> AbstractContextManager:
    """Only `data-constrained` is fitted as a surface."""
    return mock.patch.dict(SURFACES, {DATA_CONSTRAINED.name: DATA_CONSTRAINED}, clear=True)
