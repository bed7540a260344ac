"""Predictions beyond the points, as `fit` gives them: wide enough, in parts, with their evidence."""

import io
import math

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from quarry import fit
from quarry.analysis.commands.fit_tables import evidence, prediction_table
from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.errors import FitError
from tests.analysis.designs import GRID
from tests.analysis.quick import QUICK

LARGE = {"N": np.array([1e8, 1e10]), "E": np.array([1e10, 1e13])}


@pytest.fixture(scope="module")
def fitted():
    return fit(GRID.table(seed=2), QUICK, bootstrap=200)


def test_a_band_widens_with_the_distance_and_its_parts_add_up(fitted):
    low, high = fitted.band(LARGE, new_run=True)
    law_low, law_high = fitted.band(LARGE)
    assert (low < law_low).all()
    assert (law_high < high).all()
    parts = fitted.parts(LARGE)
    assert parts.distance[0] == 0 < parts.distance[1]
    assert parts.extrapolation[0] == 0 < parts.extrapolation[1]
    quadrature = np.sqrt(parts.parameters**2 + parts.seed**2 + parts.extrapolation**2)
    assert np.log(high / low) / 2 == pytest.approx(quadrature, rel=0.15)
    assert "inside the fitted range" in parts.sentence((0,))
    assert "over a factor of" in parts.sentence((1,))


def test_a_prediction_table_counts_what_it_holds(fitted):
    near = GRID.table(seed=3).head(20).with_columns(run=pl.lit("near"))
    far = pl.DataFrame({"N": [1e13], "E": [1e16], "loss": [1.7], "run": ["far"]})
    rows = fitted.predictions(pl.concat([near, far], how="diagonal_relaxed"))
    inside = int(((rows["low"] <= rows["loss"]) & (rows["loss"] <= rows["high"])).sum())
    assert rows["further"].to_list() == [False] * 20 + [True]
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(prediction_table(fitted, rows.select("N", "E", "loss", "run")))
    text = console.export_text()
    assert f"{inside} of 21 inside, 20 expected" in text
    assert "further than any backtest" in text


def test_a_law_of_c_predicts_the_frontier_only():
    """A run above the compute frontier is none that L(C) describes: its loss says nothing of the law."""
    budgets = np.geomspace(1e12, 1e15, 8)
    table = pl.DataFrame({"N": budgets**0.5, "C": budgets, "loss": 40 * budgets**-0.1})
    above = table.tail(2).with_columns(N=pl.col("N") * 10, loss=pl.col("loss") * 1.2)
    law, held = fit(table.head(6), "kaplan-c", bootstrap=0), pl.concat([table.tail(2), above])
    assert law.predictions(held)["loss"].to_list() == table.tail(2)["loss"].to_list()
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(prediction_table(law, held))
    assert "2 of 4 points held out are not of the kind that kaplan-c describes" in console.export_text()
    beaten = table.head(1).with_columns(N=1e3, loss=2 * pl.col("loss"))
    with pytest.raises(FitError, match=r"kaplan-c: no point held out .* \(above the compute frontier"):
        law.predictions(beaten)


def test_an_early_stopped_law_predicts_the_best_passes_only():
    n, unique, passes = (axis.ravel() for axis in np.meshgrid([1e4, 1e5, 1e6], [1e6, 1e7, 1e8], [1, 4, 16]))
    best = KAPLAN_ND.predict(
        {"N_c": 6e13, "D_c": 2e13, "alpha_N": 0.08, "alpha_D": 0.1}, {"N": n, "U": unique}
    )
    loss = best * np.where(passes == 4, 1, 1.1)
    table = pl.DataFrame({"N": n, "U": unique, "E": passes * unique, "loss": loss})
    largest = pl.col("N") == 1e6
    held = fit(table.filter(~largest), "kaplan-nd", bootstrap=0).predictions(table.filter(largest))
    assert (held["E"] / held["U"]).to_list() == [4.0] * 3
    assert held["error"].abs().max() < 1e-3


def test_an_open_interval_counts_apart_and_not_as_inside(fitted):
    table = GRID.table(seed=3).head(5).with_columns(run=pl.lit("near"))
    rows = fitted.predictions(table)
    closed = int(
        rows[1:].select((pl.col("low") <= pl.col("loss")) & (pl.col("loss") <= pl.col("high"))).sum().item()
    )
    opened = rows.with_columns(high=pl.when(pl.int_range(pl.len()) == 0).then(math.inf).otherwise("high"))
    assert evidence(fitted, opened).startswith(
        f"{closed} of 4 inside, 4 expected; 1 open; median half-widths: "
    )
    assert "open" not in evidence(fitted, rows)


def test_the_checklist_counts_the_backtests(fitted):
    answer = dict(fitted.checklist())["backtests"]
    outlook = fitted.outlook
    assert answer.startswith(f"{outlook.inside} of {outlook.tested} predictions beyond {outlook.cuts} cuts")
    assert 0.9 * outlook.tested < outlook.inside


@pytest.mark.slow
def test_repeats_that_agree_do_not_narrow_the_band_of_a_law_that_misfits():
    # The law bends where Chinchilla's does not; five seeds of one run differ by a ten-thousandth.
    runs = pl.int_range(pl.len()).cast(pl.String)
    bend = 1 + 0.02 * (pl.col("N").log10() - 7.5) ** 2
    bent = GRID.table(seed=4).with_columns(pl.col("loss") * bend, run=runs)
    seeds = [bent.row(0, named=True) | {"run": f"seed {i}"} for i in range(4)]
    same = pl.DataFrame(seeds).with_columns(pl.col("loss") * (1 + 1e-5 * pl.int_range(pl.len())))
    alone, repeated = (fit(points, QUICK, bootstrap=200) for points in (bent, pl.concat([bent, same])))
    assert repeated.seed_noise < alone.seed_noise / 20
    ends = [one.band({"N": [3e7], "E": [1e10]}, new_run=True) for one in (alone, repeated)]
    widths = [float(np.log(high / low)[0]) for low, high in ends]
    assert widths[1] > 0.8 * widths[0]


@pytest.mark.slow
def test_a_single_learning_curve_has_a_band_and_says_whose_it_is():
    tokens = np.geomspace(1e9, 1e11, 25)
    loss = 2.0 + (1e9 / tokens) ** 0.4
    curve = pl.DataFrame({"E": tokens, "loss": loss * np.exp(0.001 * np.sin(np.arange(25)))})
    found = fit(curve.with_columns(N=pl.lit(1e8), run=pl.lit("one")), "power-offset", x="E", bootstrap=200)
    assert any("of this run's curve" in warning for warning in found.warnings)
    low, high = found.band({"E": [1e12]}, new_run=True)
    assert low[0] < 2.0 + 0.001**0.4 < high[0] < 1.2 * low[0]
