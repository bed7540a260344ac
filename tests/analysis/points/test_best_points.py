"""Which points are the best at their budget."""

import numpy as np
import polars as pl

from quarry import fit
from quarry.analysis.points.best_points import BestPoints


def frontier(rows):
    """The C of the points on the compute frontier, of rows (C, N, loss)."""
    table = pl.DataFrame(rows, schema=["C", "N", "loss"], orient="row").cast(pl.Float64)
    return (
        BestPoints(table.with_columns(E=pl.col("C") / pl.col("N") / 6), "C", unbeaten=True)
        .points["C"]
        .to_list()
    )


def test_a_size_with_less_compute_by_rounding_alone_does_not_escape_a_better_one():
    assert frontier([(1e15, 1e6, 3.2), (1.0002e15, 3e6, 3.0), (1.0004e15, 1e7, 3.1)]) == [1.0002e15]
    assert frontier([(1e15, 1e6, 3.2), (1.02e15, 3e6, 3.0)]) == [1e15, 1.02e15]


def test_a_size_does_not_beat_itself_a_step_earlier():
    curve = [(1e15 * 1.005**step, 1e6, 3.2 * 0.999**step) for step in range(5)]
    assert len(frontier(curve)) == 5
    assert frontier([*curve, (1.008e15, 3e6, 3.3)]) == [row[0] for row in curve]


def test_points_without_sizes_are_judged_by_their_compute_alone():
    table = pl.DataFrame({"C": [1e15, 1.0002e15], "loss": [3.2, 3.0]})
    assert BestPoints(table, "C", unbeaten=True, cell=()).used.all()


def test_the_law_of_compute_is_that_of_the_best_size_of_each_budget():
    """Five sizes at each budget, each a little short of it: the exponent is that of the minima."""
    budgets = np.geomspace(1e15, 1e19, 9)
    rows = [
        (
            c * (1 - 1e-4 * short),
            np.sqrt(c) * 4.0 ** (short - 2),
            (1e24 / c) ** 0.05 * (1 + 0.02 * (short - 2) ** 2),
        )
        for c in budgets
        for short in range(5)
    ]
    table = pl.DataFrame(rows, schema=["C", "N", "loss"], orient="row").with_columns(
        E=pl.col("C") / pl.col("N") / 6
    )
    found = fit(table, "kaplan-c", bootstrap=0)
    assert len(found.points) == len(budgets)
    assert abs(found.params["alpha_C"] - 0.05) < 1e-4


def test_many_points_a_step_apart_keep_one_size_at_each_budget_and_do_not_beat_each_other_away():
    cost = np.geomspace(1e12, 1e15, 3000)  # 0.23% apart, so four sizes in each budget
    rows = [(c, 1e6 * 2 ** (i % 4), 2 + 1e3 * c**-0.3) for i, c in enumerate(cost)]
    assert len(frontier(rows)) >= np.log(1e3) / np.log(1.01)


def test_a_size_that_is_no_number_is_one_unknown_size():
    table = pl.DataFrame(
        {"N": [1e6, np.nan, 4e6, 8e6], "C": [1e12, 4e12, 16e12, 64e12], "loss": [4.0, 3.5, 3.0, 2.8]}
    )
    assert len(fit(table, "kaplan-c", bootstrap=100).points) == 4
