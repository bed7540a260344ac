"""Modules whose tests share what is dear to make stay on one worker."""

from tests.conftest import ROOT
from tests.workers import LONGEST, SAME_LAWS, stays_together, worker_group


def test_modules_that_share_fits_or_runs_stay_together():
    assert stays_together("tests/analysis/fitting/test_rivals.py")
    assert stays_together("tests/train/config/test_branches.py")
    assert stays_together("tests/train/run/test_rollback.py")
    assert not stays_together("tests/analysis/notebooks/test_notebooks.py")
    assert not stays_together("tests/test_cli.py")


def test_modules_that_fit_the_same_laws_go_to_one_worker():
    assert len(set(map(worker_group, SAME_LAWS))) == 1
    assert all(map(stays_together, SAME_LAWS))
    assert worker_group("tests/analysis/fitting/test_rivals.py") == "tests/analysis/fitting/test_rivals.py"


def test_the_modules_that_begin_first_exist():
    assert [module for module in LONGEST if not (ROOT / module).is_file()] == []
