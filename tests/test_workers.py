"""Modules whose tests share what is dear to make stay on one worker."""

from tests.conftest import ROOT
from tests.workers import LONGEST, stays_together


def test_modules_that_share_fits_or_runs_stay_together():
    assert stays_together("tests/analysis/fitting/test_rivals.py")
    assert stays_together("tests/train/config/test_branches.py")
    assert stays_together("tests/train/run/test_rollback.py")
    assert not stays_together("tests/analysis/notebooks/test_notebooks.py")
    assert not stays_together("tests/test_cli.py")


def test_the_modules_that_begin_first_exist():
    assert [module for module in LONGEST if not (ROOT / module).is_file()] == []
