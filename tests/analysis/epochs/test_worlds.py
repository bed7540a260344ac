"""Worlds that are not of the laws' form: a false claim does not come out true. Many repeats: `worlds.py`."""

import numpy as np
import polars as pl
import pytest

from quarry.analysis.epochs.floors import floors
from quarry.analysis.epochs.grid import FirstPass, Grid
from quarry.analysis.epochs.inputs import entropy_rate
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


def test_no_asymptote_is_below_the_entropy_rate_of_the_source():
    sizes, unique, passes = 1e4 * 2.0 ** np.arange(6), 2.0 ** np.array([14, 16, 18, 20]), 2.0 ** np.arange(5)
    n, u, k = np.meshgrid(sizes / sizes[0], unique / unique[0], passes, indexing="ij")
    losses = np.stack([1.0 + 0.3 * n**-0.05 * u**-0.1 + 0.4 * k**-0.3 * u**-0.1] * 2)
    fresh = FirstPass(sizes, unique, losses[..., 0])
    free, bounded = (floors(Grid(sizes, unique, passes, losses, rate), fresh) for rate in (0.0, 1.25))
    assert (free.asymptote < 1.25).any()
    assert bounded.asymptote.min() == 1.25
    assert bounded.irreducible.min() >= 1.25
    assert (bounded.default >= 1.25).all()


def test_the_entropy_rate_is_read_from_points_that_all_have_it():
    points = pl.DataFrame({"entropy_rate": [1.2, 1.1]})
    assert entropy_rate(points) == 1.1
    assert entropy_rate(pl.DataFrame({"entropy_rate": [1.2, None]})) == 0.0
    assert entropy_rate(pl.DataFrame({"loss": [1.0]})) == 0.0
