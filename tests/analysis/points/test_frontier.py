import math

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from quarry.analysis.points.frontier import budget_frontier, compute_frontier

COST = st.floats(1.0, 1e6)
ROWS = st.lists(st.tuples(st.sampled_from("abc"), COST, st.floats(0.5, 5.0)), min_size=1, max_size=40)


def table(rows):
    return pl.DataFrame(rows, schema={"run": pl.String, "C": pl.Float64, "loss": pl.Float64}, orient="row")


def test_a_small_run_leads_until_a_large_one_overtakes_it():
    small, large = [("s", 1.0, 4.0), ("s", 2.0, 3.0), ("s", 8.0, 2.9)], [("l", 3.0, 3.5), ("l", 6.0, 2.5)]
    frontier = compute_frontier(table(small + large))
    assert frontier.rows() == [("s", 1.0, 4.0), ("s", 2.0, 3.0), ("l", 6.0, 2.5)]


def test_of_equal_costs_the_lower_loss_stays_and_of_equal_losses_the_cheaper():
    rows = [("a", 1.0, 3.0), ("b", 1.0, 2.0), ("c", 5.0, 2.0)]
    assert compute_frontier(table(rows)).rows() == [("b", 1.0, 2.0)]


def test_a_loss_that_is_not_a_number_is_on_no_frontier():
    rows = [("a", 1.0, math.nan), ("b", 2.0, 3.0), ("c", 3.0, None), ("d", None, 1.0), ("e", 4.0, math.inf)]
    assert compute_frontier(table(rows))["run"].to_list() == ["b"]


def test_no_rows_give_an_empty_frontier_with_the_columns():
    assert compute_frontier(table([])).columns == ["run", "C", "loss"]


def test_a_point_above_the_line_between_its_neighbours_is_not_on_the_hull():
    rows = [("a", 1.0, 4.0), ("b", 10.0, 3.9), ("c", 100.0, 2.0)]
    assert compute_frontier(table(rows))["run"].to_list() == ["a", "c"]


def test_a_budget_is_one_point_of_the_drawn_frontier_and_annealed_where_any_is():
    """The demo's first budget: the larger model has a step less, and cost 0.9% less than the best."""
    rows = [("large", 1.4855, 2.637), ("small", 1.4990, 2.161), ("small", 8.0, 2.0), ("small", 1.2, 2.1)]
    known = table(rows).with_columns(annealed=pl.Series([True, True, True, False]))
    assert budget_frontier(known)["C"].to_list() == [1.4990, 8.0]
    mid_schedule = known.with_columns(annealed=False)
    assert budget_frontier(mid_schedule)["C"].to_list() == [1.2, 8.0]
    assert budget_frontier(known.clear()).is_empty()


@given(ROWS)
def test_the_frontier_is_convex_falls_and_lies_below_every_row(rows):
    frontier = compute_frontier(table(rows))
    cost, loss = np.log(frontier["C"].to_numpy()), np.log(frontier["loss"].to_numpy())
    assert np.all(np.diff(cost) > 0)
    assert np.all(np.diff(loss) < 0)
    slopes = np.diff(loss) / np.diff(cost)
    assert np.all(np.diff(slopes) >= -1e-9 * np.abs(slopes[1:]))
    for _, c, value in rows:
        assert np.interp(np.log(c), cost, loss) <= np.log(value) + 1e-9
