"""Laws together: which apply, what each counts, and the fit of their mixture, to the plan and back."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from quarry import plan
from quarry.analysis.commands import fit_tables
from quarry.analysis.commands.fit import FitOptions, fit_points
from quarry.analysis.fitting.doubts import values_at_limits
from quarry.analysis.fitting.prediction.backtests import Backtests
from quarry.analysis.fitting.settings import FitSettings
from quarry.analysis.fitting.together import candidates
from quarry.analysis.fitting.together.candidates import applicable_laws
from quarry.analysis.fitting.together.stacking import mixed, stack
from quarry.analysis.fitting.together.together import _draws, _rejections, _usable, estimate_together
from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.formulas import plain
from quarry.analysis.laws.mixture import member_params, mix_laws, mixed_params, overtraining_of_counts
from quarry.analysis.planning.saved_fit import read_fit
from quarry.analysis.planning.surface import Surface
from quarry.errors import FitError
from quarry.text import number
from tests.analysis.designs import GRID

SETTINGS = FitSettings(bootstrap=200)


def names(columns):
    return [law.name for law in applicable_laws(pl.DataFrame(columns))]


def test_the_laws_that_apply_are_those_of_what_varies():
    grid = {"N": [1e6, 1e7], "E": [1e9, 2e9], "loss": [3.0, 2.0]}
    assert names(grid) == ["chinchilla", "skaling", "overtraining"]
    assert names(grid | {"U": [1e9, 1e9]}) == ["data-constrained", "effective-reuse", "overfit-epochs"]
    assert names(grid | {"U": [1e9, 2e9]}) == ["chinchilla", "skaling", "overtraining"]
    assert names(grid | {"E": [1e9, 1e9]}) == ["power-offset", "broken-power"]
    with pytest.raises(FitError, match="neither N, E, C nor U varies"):
        names({"N": [1.0, 1.0], "loss": [3.0, 2.0]})


def test_a_law_of_more_parameters_than_points_is_left_out_and_the_others_are_not():
    sizes = pl.DataFrame({"N": [1e6, 1e7, 1e8, 1e9], "loss": [4.0, 3.5, 3.1, 2.8]})
    laws = {name: LAWS[name] for name in ("power-offset", "broken-power")}
    usable, few = _usable(sizes, laws, None)
    assert list(usable) == ["power-offset"]
    assert few[0].startswith("broken-power is left out: broken-power has 6 parameters")
    with pytest.raises(FitError, match="power-offset has 3 parameters"):
        _usable(sizes[:2], laws, None)


def backtests(error):
    cut = np.repeat(np.arange(6), 30)
    rows = np.arange(len(cut))
    small, decade = np.full(len(cut), 1e-3), np.full(len(cut), np.log(10))
    return Backtests(error, small, decade, np.zeros(len(cut)), rows, cut, rows)


def test_few_points_that_repeat_data_are_left_out_and_the_others_fitted():
    n = np.repeat([[2.5e4, 5e4, 1e5, 2e5, 4e5]], 2, 0) * [[1.0], [2.0]]
    columns = {"N": n.ravel(), "E": (np.array([[1.7e11], [1.7e12]]) / n).ravel()}
    law = LAWS["chinchilla"]
    truth = dict(zip(law.parameter_names, (1.5, 60.0, 600.0, 0.35, 0.35), strict=True))
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(10))
    unique = np.sort(columns["E"])[-2:].mean()
    points = pl.DataFrame(
        columns | {"U": np.full(10, unique), "loss": np.asarray(law.predict(truth, columns)) * noise}
    )
    fitted = estimate_together(points, SETTINGS)
    assert len(fitted.points) == 9
    assert set(fitted.members) <= {"chinchilla", "skaling", "overtraining"}
    assert "1 point left out for repeating data" in fitted.warnings[0]
    with pytest.raises(FitError, match="data-constrained has 7 parameters"):
        estimate_together(points[4:8], SETTINGS)


def test_laws_whose_term_the_points_do_not_determine_are_left_out():
    sizes, tokens = (each.ravel() for each in np.meshgrid(np.geomspace(1e5, 1e6, 5), [1e7, 4e7]))
    loss = 1.7 + 300 / sizes**0.4 + 1000 / tokens**0.4
    noise = np.exp(0.003 * np.random.default_rng(0).standard_normal(10))
    with pytest.raises(FitError, match="overtraining is left out: E takes 2 values in 10 points, and"):
        estimate_together(pl.DataFrame({"N": sizes, "E": tokens, "loss": loss * noise}), SETTINGS)


def test_the_law_that_predicts_counts_most_and_equals_share():
    rng = np.random.default_rng(0)
    good, bad = (backtests(scale * rng.standard_normal(180)) for scale in (0.003, 0.1))
    weights = stack([good, bad], 0.001, 1.0, 0.95)
    assert weights.sum() == pytest.approx(1)
    assert weights[0] > 0.9
    assert stack([good, good], 0.001, 1.0, 0.95) == pytest.approx([0.5, 0.5])
    assert stack([good.rows(good.cut < 0)] * 2, 0.001, 1.0, 0.95) == pytest.approx([0.5, 0.5])


def test_disagreement_widens_the_mixture():
    apart = [backtests(np.full(180, side)) for side in (0.1, -0.1)]
    both = mixed(apart, np.array([0.5, 0.5]))
    assert both.parameters == pytest.approx(np.hypot(0.1, 1e-3), rel=0.01)
    assert np.abs(both.error).max() < 0.01


def test_a_mixture_is_the_weighted_mean_of_its_laws():
    laws = [LAWS["chinchilla"], overtraining_of_counts()]
    own = {"chinchilla": GRID.params, "overtraining": {"L_inf": 1.0, "a": 5.0, "b": 7.0, "eta": 0.1}}
    params = mixed_params({"chinchilla": 0.25, "overtraining": 0.75}, own)
    at = {"N": 1e8, "E": 1e10}
    mean = 0.25 * laws[0].predict(own["chinchilla"], at) + 0.75 * laws[1].predict(own["overtraining"], at)
    assert mix_laws(laws).predict(params, at) == pytest.approx(mean)
    assert params["L_inf"] == pytest.approx(0.25 * GRID.params["L_inf"] + 0.75)
    curves = {"power-offset": {"L_inf": 1.0}, "broken-power": {"a": 2.0}}
    assert mixed_params({"power-offset": 0.5, "broken-power": 0.5}, curves)["L_inf"] == 1.5
    assert member_params(params) == own
    alone = mixed_params({"chinchilla": 1.0, "overtraining": 0.0}, own)
    assert values_at_limits(mix_laws(laws), alone) == {}  # a weight of 0 or 1 stopped no search
    flops = {"C": 6e18, "M": 100.0}
    assert laws[1].predict(own["overtraining"], at) == pytest.approx(
        LAWS["overtraining"].predict(own["overtraining"], flops)
    )


@pytest.fixture(scope="module")
def together():
    # Two laws with short grids keep the test short.
    laws = [LAWS["chinchilla"], overtraining_of_counts()]
    short = [
        replace(law, parameters=tuple(replace(p, starts=p.starts[1:3]) for p in law.parameters))
        for law in laws
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "_fresh", lambda: short)
        yield estimate_together(GRID.table(seed=5), SETTINGS)


@pytest.mark.slow
def test_a_learning_curve_is_fitted_by_its_laws_and_lists_their_minima():
    tokens = np.geomspace(1e9, 1e11, 20)
    loss = 2.0 + (1e9 / tokens) ** 0.4 + 0.003 * np.sin(np.arange(20))
    curve = pl.DataFrame({"N": 1e8, "E": tokens, "loss": loss, "run": "one"})
    found = estimate_together(curve, FitSettings(bootstrap=100))
    assert set(member_params(found.params)) <= {"power-offset", "broken-power"}
    names = set(found.law.parameter_names)
    assert all(set(minimum.params) <= names for minimum in found.diagnostics.other_minima)
    assert dict(found.checklist())["other minima"]
    assert fit_tables.together_table(found).row_count == len(member_params(found.params)) + 1
    # The residuals are as small as one law's parameters make them, not as those of all laws would.
    residuals = np.sort(np.abs(found.data.residuals(found.minima.params[0])))
    most = max(len(one.params) for one in found.members.values())
    assert found.outlook.noise == found.seed_noise <= 1.4826 * np.median(residuals[most:])


@pytest.mark.slow
def test_every_law_says_its_own_interval(together):
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(fit_tables.together_table(together))
    lines = console.export_text().splitlines()
    at = {name: values.max() * 10**0.5 for name, values in together.data.inputs.items()}
    for name, fitted in [*together.members.items(), ("together", together)]:
        low, high = fitted.band(at, new_run=True)
        line = next(line for line in lines if line.strip().startswith(name))
        assert f"{number(float(low), 4)} to {number(float(high), 4)}" in line


@pytest.mark.slow
def test_the_fit_of_a_mixture_predicts_plans_and_reads_back(together, tmp_path):
    weights = {name: value for name, value in together.params.items() if name.startswith("weight.")}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["weight.chinchilla"] > 0.5  # it made the points
    at = {"N": [1e10], "E": [1e12]}
    truth = float(GRID.law.predict(GRID.params, {name: values[0] for name, values in at.items()}))
    low, high = together.band(at, new_run=True)
    assert low[0] < truth < high[0] < 1.2 * low[0]
    file = tmp_path / "auto.json"
    file.write_text(json.dumps(together.to_json(), allow_nan=False))
    own, read = plan(together, 1e21).to_json(), plan(read_fit(file), 1e21).to_json()
    for name in ("n", "tokens", "loss", "loss_band", "run_band", "irreducible"):
        assert read[name] == pytest.approx(own[name], rel=1e-9), name


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        (replace(SETTINGS, bootstrap=0), "bootstrap=0"),
        (replace(SETTINGS, freeze={"A": 1.0}), "freeze=A"),
        (replace(SETTINGS, interval="bca"), "interval=bca"),
    ],
)
def test_what_a_mixture_cannot_do_is_refused(settings, given):
    with pytest.raises(FitError, match=f"^{given}: law auto needs the bootstrap's percentile interval"):
        estimate_together(GRID.table(), settings)


@pytest.mark.parametrize(
    "option",
    [
        {"at": ("A=521",)},
        {"profile": ("alpha",)},
        {"against": ("skaling",)},
        {"terms": ("coupling",)},
        {"critical": ("B_star=2e8",)},
        {"x": "E"},
    ],
)
def test_an_option_of_one_law_is_refused_before_the_points_are_read(option):
    with pytest.raises(FitError, match=f"^--{next(iter(option))} .*: an option of one law, .* name a law"):
        fit_points(Path("none.csv"), FitOptions("auto", **option), Console(file=io.StringIO()))


def test_a_law_at_a_limit_does_not_open_what_another_bounds():
    """Half of the draws are of a law whose alpha ran to its limit, half of one that is bounded, then not."""
    law, hot = mix_laws([LAWS["chinchilla"], overtraining_of_counts()]), np.arange(80) < 40
    own = {"chinchilla": GRID.params, "overtraining": {"L_inf": 1.0, "a": 5.0, "b": 7.0, "eta": 0.1}}
    lanes = {name: {p: np.full(80, value) for p, value in params.items()} for name, params in own.items()}
    lanes["chinchilla"]["alpha"] = np.where(hot, 5.0, 0.3)

    def surface():
        draws = mixed_params({"chinchilla": hot * 1.0, "overtraining": ~hot * 1.0}, lanes)
        params = mixed_params({"chinchilla": 0.5, "overtraining": 0.5}, own)
        return Surface("", law, params, "", draws, runs=30, frozen=tuple(p for p in params if "weight" in p))

    def loss(params):
        return law.predict(params, {"N": 1e8, "E": 1e10})

    assert not surface().stopped(loss).any()
    lanes["overtraining"]["eta"] = np.where(hot, 0.1, 5.0)
    assert surface().stopped(loss).all()


@pytest.mark.slow
def test_a_warning_of_some_laws_says_of_which(together):
    told = {"one": ("A is open", "rows repeat"), "two": ("rows repeat", "two is rejected"), "least": ("no",)}
    told["three"] = ("A is open", "rows repeat")
    one = together.members["chinchilla"]
    fits = {name: replace(one, warnings=warnings) for name, warnings in told.items()}
    weights = {"one": 0.5, "two": 0.27, "three": 0.2, "least": 0.03}
    assert _rejections(fits, weights) == ("one, three: A is open", "rows repeat", "two is rejected")


@pytest.mark.slow
def test_the_floor_of_a_mixture_is_open_where_that_of_the_law_drawn_is(together):
    def ended(fit, at_zero):
        """The fit with its floor at zero in all draws, or in none."""
        below = fit.intervals.draws.below.copy()
        below[:, fit.law.parameter_names.index("L_inf")] = at_zero
        return replace(fit, intervals=replace(fit.intervals, draws=replace(fit.intervals.draws, below=below)))

    fits = {name: ended(fit, name == "chinchilla") for name, fit in together.members.items()}
    draws = _draws(fits, {"chinchilla": 0.9, "overtraining": 0.1}, together.law, SETTINGS)
    names = together.law.parameter_names
    weight, place = names.index("weight.chinchilla"), names.index("L_inf")
    assert draws.below[:, place].tolist() == (draws.params[:, weight] == 1).tolist()
    assert replace(together.intervals, draws=draws).parameter(place)[0] is None


def test_the_formula_of_a_mixture_can_be_read():
    law = mix_laws([LAWS["data-constrained"], LAWS["overfit-epochs"]])
    assert plain(law.formula) == "L = w_1·data-constrained + w_2·overfit-epochs"
