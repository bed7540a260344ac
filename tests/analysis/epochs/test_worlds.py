"""Worlds that are not of the laws' form: a false claim does not come out true. Many repeats: `worlds.py`."""

import pytest

from tests.analysis.epochs.worlds import WORLDS, graded


@pytest.mark.slow
@pytest.mark.parametrize("name", ["remainder", "overfitting"])
def test_no_false_claim_comes_out_true(name):
    table = graded(1, (name,))
    assert table["truth"].to_list() == list(WORLDS[name].truth)
    assert table.filter(~table["truth"])["yes"].sum() == 0
    assert table.filter("truth")["yes"].sum() == sum(WORLDS[name].truth)
    verdicts = table.select("yes", "undecided", "no", "not measured")
    assert (verdicts.sum_horizontal() == 1).all()
