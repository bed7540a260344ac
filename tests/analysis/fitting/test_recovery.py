"""From the grid of starts to the global minimum, for every law, and on the points that people have."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from quarry import fit, load_points
from quarry.analysis.fitting import search
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.search import Data
from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.chinchilla import CHINCHILLA
from tests.analysis.designs import DESIGNS, GRID, KAPLAN, OFFSET, Design, measured, spaced

REPEATS = {"kaplan-nd": 2, "skaling": 2, "broken-power": 2}
NEARBY = 63


def near(design: Design) -> np.ndarray:
    """The truth, and starts around it: [starts, parameters]."""
    spread = [1.0 if parameter.log else 0.2 for parameter in design.law.parameters]
    factors = np.exp(np.random.default_rng(0).standard_normal((NEARBY, len(spread))) * spread)
    return np.concatenate([[design.true], design.true * factors])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(LAWS) - {"data-constrained"}))  # that one is fitted below
def test_the_grid_reaches_the_global_minimum(name):
    """No lane from the truth or around it ends lower, and a tenth of a sample of the starts arrive there."""
    design = DESIGNS[name]
    middle = {key: float(np.exp(np.log(values).mean())) for key, values in design.inputs.items()}
    law = design.law.reference(middle) if design.law.reference else design.law
    for seed in range(REPEATS.get(name, 1)):
        data = Data.of(design.table(seed), law, Objective())
        minima = data.search()
        best = data.solve(near(design), iterations=300).objective.min()
        assert minima.objective[0] <= best * (1 + 1e-7)
        assert minima.agreeing > 0.1 * minima.starts
        predicted = data.predicted(minima.params[0])
        assert np.sqrt(np.mean((predicted - np.log(design.exact())) ** 2)) < 0.6 * design.spread


@pytest.mark.slow
def test_many_points_are_searched_on_some_of_them(whole_grid):
    """As the points of users are; the other tests search all of theirs."""
    design = measured("power-offset", OFFSET.true, {"N": spaced(1e4, 1e8, 100)}, evaluation=(0, 1))
    data = Data.of(design.table(), design.law, Objective())
    assert data.points > search._ENOUGH_POINTS
    minima = data.search()
    assert minima.starts == design.law.grid()
    best = data.solve(near(design), iterations=300).objective.min()
    assert minima.objective[0] == pytest.approx(best, rel=1e-6)


def test_nine_decades_of_sizes():
    design = measured("power-offset", (1.5, 3e4, 0.25), {"N": spaced(1e3, 1e12, 19)}, 2, evaluation=(0, 1))
    result = fit(design.table(), "power-offset", bootstrap=200)
    assert result.warnings == ()
    assert all(low < design.params[name] < high for name, (low, high) in result.interval.items())


@pytest.mark.slow
def test_points_of_sizes_and_compute_alone(tmp_path):
    table = GRID.table().with_columns(C=6 * pl.col("N") * pl.col("E"))
    table.select("N", "C", "loss", "run").write_csv(tmp_path / "points.csv")
    read = fit(load_points(tmp_path / "points.csv"), "chinchilla", bootstrap=0)
    known = fit(table, "chinchilla", bootstrap=0)
    assert read.params == pytest.approx(known.params, rel=1e-6)


@pytest.mark.slow
def test_twenty_tokens_per_parameter_leave_nothing_but_the_warning():
    sizes = np.geomspace(1e6, 1e9, 30)
    table = pl.DataFrame({"N": sizes, "E": 20 * sizes, "loss": noisy(loss_of(sizes, 20 * sizes))})
    result = fit(table, "chinchilla", bootstrap=200)
    assert any("cannot tell the exponents apart" in warning for warning in result.warnings)
    assert set(result.interval.values()) == {(None, None)}
    assert result.derived == {}
    assert result.derived_interval == {}


def loss_of(n, tokens):
    return CHINCHILLA.predict(GRID.params, {"N": n, "E": tokens})


def noisy(loss, noise=0.003, seed=0):
    return loss * np.exp(noise * np.random.default_rng(seed).standard_normal(len(loss)))


@pytest.mark.slow
def test_gross_outliers_hardly_move_a_huber_fit_and_are_named():
    table = GRID.table()
    rng = np.random.default_rng(0)
    wrong = rng.choice(GRID.runs.max() + 1, 6, replace=False)
    factor = np.where(np.isin(GRID.runs, wrong), rng.choice([0.7, 1.5, 3.0], len(GRID.runs)), 1.0)
    clean = fit(table, "chinchilla", bootstrap=200)
    dirty = fit(table.with_columns(loss=pl.col("loss") * factor), "chinchilla", bootstrap=0)
    for name, (low, high) in clean.interval.items():
        assert low < dirty.params[name] < high, name
    assert set(dirty.diagnostics.outliers) >= {f"run {i}" for i in wrong}
    assert any("6 runs lie more than six typical residuals" in warning for warning in dirty.warnings)
    squares = fit(
        table.with_columns(loss=pl.col("loss") * factor), "chinchilla", objective="log", bootstrap=0
    )
    assert rms(squares) > 5 * rms(dirty)


def rms(result) -> float:
    return float(np.sqrt(np.mean((np.log(result.predict(GRID.inputs)) - np.log(GRID.exact())) ** 2)))


@pytest.mark.slow
def test_several_epochs_are_worth_what_the_law_says():
    design = DESIGNS["data-constrained"]
    result = fit(design.table(seed=5), "data-constrained", bootstrap=100)
    assert result.objective <= result.data.solve(near(design), iterations=300).objective.min() * (1 + 1e-7)
    assert result.diagnostics.n_starts_agreeing > 0.1 * result.diagnostics.n_starts
    assert result.interval["R_D"][0] < 15.4 < result.interval["R_D"][1]
    assert result.derived["a"] == pytest.approx(0.5, abs=0.05)
    once = {"N": np.array([1e8]), "E": np.array([1e9]), "U": np.array([1e9])}
    four = once | {"E": np.array([4e9])}
    truth = design.law.predict(design.params, once) - design.law.predict(design.params, four)
    assert result.predict(once) - result.predict(four) == pytest.approx(truth, abs=0.01)


@pytest.mark.slow
def test_a_frozen_parameter_is_a_fit_with_that_value():
    table = GRID.table()
    free, frozen = (fit(table, "chinchilla", freeze=f, bootstrap=200) for f in ({}, {"L_inf": 1.69}))
    assert frozen.params["L_inf"] == 1.69
    assert frozen.interval["L_inf"] == (1.69, 1.69)
    assert frozen.objective >= free.objective
    data = free.data
    starts = np.array([[1.69, *list(free.params.values())[1:]]])
    held = data.solve(starts, fixed=(True, *(False,) * 4), iterations=300)
    np.testing.assert_allclose(list(frozen.params.values()), held.params[0], rtol=1e-5)
    widths = [np.diff(result.interval["alpha"])[0] for result in (free, frozen)]
    assert widths[1] < 0.8 * widths[0]
    assert len(frozen.draws["L_inf"]) == 200


@pytest.mark.slow
def test_freezing_at_the_best_value_changes_nothing():
    table = OFFSET.table()
    free = fit(table, "power-offset", bootstrap=0)
    frozen = fit(table, "power-offset", freeze={"L_inf": free.params["L_inf"]}, bootstrap=0)
    assert frozen.objective == pytest.approx(free.objective, rel=1e-7)
    assert frozen.params == pytest.approx(free.params, rel=1e-4)


@pytest.mark.slow
def test_noise_weighs_the_points():
    """Half the points ten times as noisy: told so, the fit is nearer the truth in most repeats."""
    coarse = np.random.default_rng(0).random(80) < 0.5
    sigma = np.where(coarse, 0.03, 0.003)
    nearer = []
    for seed in range(12):
        noise = sigma * np.random.default_rng(seed).standard_normal(80)
        loss = OFFSET.exact() * np.exp(noise)
        table = pl.DataFrame({**OFFSET.inputs, "loss": loss, "sem": sigma * loss})
        told, untold = (
            fit(table, "power-offset", objective="log", noise=column, bootstrap=0).params["alpha"]
            for column in ("sem", None)
        )
        nearer.append(abs(told - 0.3) < abs(untold - 0.3))
    assert sum(nearer) >= 9


def test_the_same_noise_everywhere_changes_no_parameter():
    table = OFFSET.table().with_columns(sem=0.01 * pl.col("loss"))
    with_noise = fit(table, "power-offset", noise="sem", huber_delta=0.1, bootstrap=0)
    without = fit(table, "power-offset", huber_delta=1e-3, bootstrap=0)
    assert with_noise.params == pytest.approx(without.params, rel=1e-6)
    assert with_noise.objective == pytest.approx(1e4 * without.objective, rel=1e-6)


def test_badly_tuned_runs_pull_less_where_losses_above_the_law_cost_less():
    rng = np.random.default_rng(0)
    worse = np.where(rng.random(80) < 0.4, rng.exponential(0.05, 80), 0.0)
    table = KAPLAN.table().with_columns(loss=pl.col("loss") * np.exp(worse))
    both = [fit(table, "kaplan-n", huber_delta=0.1, above=above, bootstrap=0) for above in (1.0, 0.1)]
    bias = [float(np.mean(np.log(result.predict(KAPLAN.inputs) / KAPLAN.exact()))) for result in both]
    assert abs(bias[1]) < 0.4 * abs(bias[0])


def test_exact_copies_of_a_runs_rows_add_nothing():
    """Rows of a run repeated exactly say no more than one of them, in the estimate and in the interval."""
    single = replace(OFFSET, runs=OFFSET.runs[::2], inputs={"N": OFFSET.inputs["N"][::2]}).table()
    twice = pl.concat([single, single])
    one, two = (fit(table, "power-offset", bootstrap=200) for table in (single, twice))
    assert one.params == pytest.approx(two.params, rel=1e-6)
    for name, (low, high) in one.interval.items():
        assert two.interval[name] == pytest.approx((low, high), rel=1e-3)


@pytest.mark.slow
def test_the_joint_surface_without_its_terms_is_rejected_where_repeats_count():
    result = fit(DESIGNS["epochs"].table(seed=2), "epochs", terms=(), bootstrap=0)
    assert any("epochs is rejected" in warning for warning in result.warnings)


@pytest.mark.slow
def test_unique_tokens_tied_to_the_size_are_named():
    design = DESIGNS["epochs"]
    tied = pl.DataFrame({**design.inputs, "loss": design.exact()}).with_columns(U=20 * pl.col("N"))
    (warning,) = (w for w in fit(tied, "epochs", terms=(), bootstrap=0).warnings if "move together" in w)
    assert warning.startswith("N and U move together (correlation of logarithms 1.000)")
    assert warning.endswith("vary U at fixed N")
