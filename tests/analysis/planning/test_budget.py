"""Plans against closed forms, published numbers, and what each law can and cannot say."""

import io
import json
import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from quarry.analysis.commands.plan import PlanOptions, choose_runs, draw, plan_budget
from quarry.analysis.commands.plan_tables import mixture_lines
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.chinchilla import CHINCHILLA, chinchilla_optimum
from quarry.analysis.laws.kaplan_frontier import plan_efficient_run
from quarry.analysis.laws.mixture import mix_laws, mixed_params
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.repeated_data import epochs
from quarry.analysis.planning.budget import plan
from quarry.analysis.planning.next_runs import plan_next_runs
from quarry.analysis.planning.optimum import find_optimum
from quarry.analysis.planning.regime import best_epochs, split
from quarry.analysis.planning.saved_fit import read_fit
from quarry.analysis.planning.surface import Surface, published_surface
from quarry.analysis.report.figures.plan import planned_losses, regime_map
from quarry.errors import FitError
from tests.analysis.designs import GRID
from tests.analysis.quick import QUICK

BESIROGLU, MUENNIGHOFF = published_surface("besiroglu"), published_surface("muennighoff")
CHINCHILLA_PARAMS = BESIROGLU.params
OVERFIT = Surface(
    "lovelace",
    LAWS["overfit-epochs"],
    {**CHINCHILLA_PARAMS, "P": 1e-2, "delta": 1.2, "kappa": 0.4},
    "made up",
)
JOINT = Surface(
    "joint",
    epochs(("coupling", "reuse", "overfit")),
    {
        "L_inf": 1.7,
        "A": 5e3,
        "B": 2e4,
        "alpha": 0.5,
        "beta": 0.5,
        "kappa": 0.7,
        "R_0": 10.0,
        "p": 0.1,
        "q": 0.1,
        "P": 1e-3,
        "delta": 1.1,
        "kappa_2": 0.3,
    },
    "made up",
)
SKALING = Surface("skaling", LAWS["skaling"], {**CHINCHILLA_PARAMS, "kappa": 0.6}, "made up")
OVERTRAINED = Surface("gadre", LAWS["overtraining"], {"L_inf": 1.8, "a": 80.0, "b": 1500.0, "eta": 0.17}, "")
SURFACES = [BESIROGLU, SKALING, OVERTRAINED, MUENNIGHOFF, OVERFIT, JOINT]


def quick_fit(seed=0, bootstrap=150):
    return fit(GRID.table(seed), QUICK, bootstrap=bootstrap)


@pytest.fixture(scope="module")
def fitted():
    return quick_fit()


@pytest.fixture
def written(fitted, tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(fitted.to_json(), allow_nan=False))
    return path


def with_draws(surface, spread=0.02, draws=80):
    normal = np.random.default_rng(0).standard_normal
    drawn = {name: value * np.exp(spread * normal(draws)) for name, value in surface.params.items()}
    return replace(surface, draws=drawn, runs=100, seed_noise=0.002)


def test_the_optimum_of_chinchilla_is_its_closed_form():
    for flops in (1e15, 1e18, 1e21, 1e25):
        expected = chinchilla_optimum(CHINCHILLA_PARAMS, flops)
        assert find_optimum(BESIROGLU, flops) == pytest.approx(expected, rel=1e-5)
        assert find_optimum(SKALING, flops) == pytest.approx(expected, rel=1e-5)


def test_the_published_plan_for_1e21_flops():
    shown = plan(BESIROGLU, 1e21)
    assert shown.n == pytest.approx(2.78e9, rel=0.005)
    assert shown.tokens == pytest.approx(6.0e10, rel=0.005)
    assert shown.spent == pytest.approx(1e21)
    rounded = plan(published_surface("hoffmann-rounded"), 1e21)
    assert (rounded.n, rounded.tokens) == pytest.approx((1.82e9, 9.14e10), rel=0.005)


def test_overtraining_has_its_tokens_per_parameter_at_every_budget():
    ratio = OVERTRAINED.law.derive(OVERTRAINED.params)["M_opt"]
    for flops in (1e18, 1e22):
        n, tokens = find_optimum(OVERTRAINED, flops)
        assert tokens / n == pytest.approx(ratio, rel=1e-5)


def test_repeated_data_go_to_passes_before_parameters():
    fresh, scarce = plan(MUENNIGHOFF, 1e21), plan(MUENNIGHOFF, 1e21, 1e10)
    assert (fresh.n, fresh.tokens) == pytest.approx(chinchilla_optimum(MUENNIGHOFF.params, 1e21), rel=1e-4)
    assert scarce.n < fresh.n
    assert scarce.tokens > fresh.tokens
    assert scarce.epochs == pytest.approx(scarce.tokens / 1e10)
    assert scarce.loss > fresh.loss


def test_more_unique_tokens_than_are_processed_change_nothing():
    fresh, plenty = plan(MUENNIGHOFF, 1e21), plan(MUENNIGHOFF, 1e21, 1e13)
    assert plenty.n == pytest.approx(fresh.n, rel=1e-4)
    assert plenty.loss == pytest.approx(fresh.loss)
    assert plenty.epochs < 1
    assert plenty.doubling["U"].gain == pytest.approx(0, abs=1e-9)


def test_a_first_pass_law_does_not_know_repeats_and_says_so():
    shown = plan(BESIROGLU, 1e21, 1e10)
    assert any(
        "6 passes over 10B unique tokens, and chinchilla knows fresh ones only" in w for w in shown.warnings
    )
    assert shown.regime is None
    assert set(shown.elasticity) == set(shown.doubling) == {"N"}
    assert not any("passes" in warning for warning in plan(BESIROGLU, 1e21, 1e11).warnings)


def test_where_passes_hurt_the_budget_is_left_unspent():
    shown = plan(OVERFIT, 1e23, 1e9)
    assert shown.spent < 0.01 * 1e23
    assert any("more passes over 1B unique tokens would hurt" in warning for warning in shown.warnings)
    for more_n, more_k in ((1.05, 1), (1 / 1.05, 1), (1, 1.05), (1, 1 / 1.05)):
        assert OVERFIT.loss(shown.n * more_n, shown.tokens * more_k, 1e9) > shown.loss
    assert shown.doubling["C"].gain == 0
    assert shown.doubling["C"].loss == shown.loss
    assert shown.doubling["k"].gain < 0 < shown.doubling["U"].gain
    assert plan(OVERFIT, 1e23).spent == pytest.approx(1e23)


def test_the_optimum_is_no_worse_than_any_other_way_to_spend_the_budget():
    rng = np.random.default_rng(0)
    for surface in SURFACES:
        unique = None if surface.first_pass else 3e9
        n, tokens = find_optimum(surface, 1e21, unique)
        sizes = n * np.exp(rng.uniform(-4, 4, 3000))
        others = 1e21 / (6 * sizes) * rng.uniform(0, 1, 3000) ** 2
        assert surface.loss(n, tokens, unique) <= np.nanmin(surface.loss(sizes, others, unique)) + 1e-12


def test_a_corner_at_one_pass_is_pointed_out():
    sharp = replace(OVERFIT, params={**OVERFIT.params, "delta": 0.5, "P": 1.0})
    shown = plan(sharp, 1e21, 1e10)
    assert shown.epochs == pytest.approx(1)
    assert any("corner at k = 1" in warning for warning in shown.warnings)


def test_elasticities_are_those_of_the_closed_form():
    shown, p = plan(BESIROGLU, 1e21, 1e12), CHINCHILLA_PARAMS
    reducible = shown.loss - p["L_inf"]
    of_n = p["alpha"] * p["A"] * shown.n ** -p["alpha"] / reducible
    of_e = p["beta"] * p["B"] * shown.tokens ** -p["beta"] / reducible
    assert shown.elasticity == pytest.approx({"N": of_n, "U": of_e, "k": of_e}, rel=1e-6)
    assert of_n == pytest.approx(of_e, rel=1e-5)  # what makes it the optimum


def test_elasticity_of_unique_tokens_at_fixed_passes():
    shown, p = plan(MUENNIGHOFF, 1e21, 1e9), MUENNIGHOFF.params
    step = 1e-3
    losses = [
        float(MUENNIGHOFF.loss(shown.n, shown.tokens * f, 1e9 * f)) - p["L_inf"]
        for f in (math.exp(-step), math.exp(step))
    ]
    assert shown.elasticity["U"] == pytest.approx(math.log(losses[0] / losses[1]) / (2 * step), rel=1e-4)
    assert shown.elasticity["U"] > 10 * max(shown.elasticity["N"], shown.elasticity["k"])


def terms_at(surface, n, tokens, unique):
    params = {name: np.array([value]) for name, value in surface.params.items()}
    terms, k = split(surface, params, *(np.array([float(value)]) for value in (n, tokens, unique)))
    return {name: float(term[0]) for name, term in terms.items()}, float(k[0])


@pytest.mark.slow
@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
@pytest.mark.parametrize(
    ("label", "n", "tokens", "unique"),
    [("model", 1e5, 1e13, 1e13), ("data", 1e14, 1e7, 1e7), ("epoch", 1e12, 1e8, 1e13)],
)
def test_what_limits_the_loss_at_the_extremes(surface, label, n, tokens, unique):
    terms, _ = terms_at(surface, n, tokens, unique)
    assert terms[label] > 0.5 * sum(terms.values())


def test_the_split_of_chinchilla_is_its_terms():
    terms, k = terms_at(BESIROGLU, 1e9, 1e10, 4e10)
    p = CHINCHILLA_PARAMS
    data = p["B"] * 4e10 ** -p["beta"]
    assert terms["data"] == pytest.approx(data, rel=1e-6)
    assert terms["model"] == pytest.approx(p["A"] * 1e9 ** -p["alpha"], rel=1e-6)
    assert terms["epoch"] == pytest.approx(p["B"] * 1e10 ** -p["beta"] - data, rel=1e-6)
    assert k == 1


def test_the_floor_of_muennighoff_is_its_limit():
    p, unique = MUENNIGHOFF.params, 1e9
    enough = MUENNIGHOFF.law.derive(p)["G"] ** 2 * unique  # alpha = beta
    floor = (
        p["A"] * (enough * (1 + p["R_N"])) ** -p["alpha"] + p["B"] * (unique * (1 + p["R_D"])) ** -p["beta"]
    )
    terms, k = terms_at(MUENNIGHOFF, 1e9, 1e10, unique)
    assert terms["data"] == pytest.approx(floor, rel=1e-9)
    assert k == math.inf


@pytest.mark.slow
@settings(max_examples=60)
@given(
    surface=st.sampled_from(SURFACES),
    log_n=st.floats(5, 12),
    log_unique=st.floats(6, 12),
    log_k=st.floats(-1, 2.5),
)
def test_the_split_is_exact_and_no_term_is_negative(surface, log_n, log_unique, log_k):
    unique = 10**log_unique
    tokens = unique * 10 ** min(log_k, 0.0 if surface.first_pass else 3.0)
    terms, _ = terms_at(surface, 10**log_n, tokens, unique)
    whole = float(surface.loss(10**log_n, tokens, unique)) - surface.params["L_inf"]
    assert sum(terms.values()) == pytest.approx(whole)
    assert min(terms.values()) >= 0


def test_the_best_number_of_passes_is_where_the_loss_turns():
    sizes, unique = np.array([1e8, 1e10]), np.array([1e9, 1e9])
    params = {name: np.full(2, value) for name, value in OVERFIT.params.items()}
    k, loss = best_epochs(OVERFIT, params, sizes, unique)
    assert k[1] < k[0]
    for factor in (0.97, 1.03):
        assert (OVERFIT.loss(sizes, k * factor * unique, unique) > loss).all()


def test_the_label_needs_most_of_the_draws():
    sure = plan(with_draws(MUENNIGHOFF), 1e21, 1e9).regime
    assert sure.label == "data"
    assert sure.probability["data"] == 1
    near = plan(with_draws(BESIROGLU, 0.05), 1e21).regime
    assert near.label == "mixed"
    assert 0.2 < near.probability["data"] + near.probability["model"] <= 1


@pytest.mark.slow
def test_the_interval_covers_the_true_optimum_and_a_new_run_its_loss():
    covered_n, covered_loss = 0, 0
    n, _ = chinchilla_optimum(GRID.params, 1e21)
    for seed in range(12):
        shown = plan(quick_fit(seed, 100), 1e21)
        low, high = shown.n_interval
        covered_n += low < n < high
        low, high = shown.loss_band
        truth = CHINCHILLA.predict(GRID.params, {"N": shown.n, "E": shown.tokens})
        covered_loss += low < truth < high
    assert covered_n >= 9
    assert covered_loss >= 9


def test_bands_nest_and_intervals_hold_the_plan(fitted):
    shown = plan(fitted, 1e21)
    assert shown.run_band[0] < shown.loss_band[0] < shown.loss < shown.loss_band[1] < shown.run_band[1]
    inputs = {"N": [shown.n], "E": [shown.tokens]}
    assert shown.loss_band == pytest.approx([float(side[0]) for side in fitted.band(inputs)])
    assert shown.run_band == pytest.approx([float(side[0]) for side in fitted.band(inputs, new_run=True)])
    quantity = fitted.quantity(lambda p: chinchilla_optimum(p, 1e21)[0])
    assert shown.n == pytest.approx(quantity[0], rel=1e-5)
    assert shown.n_interval == pytest.approx(quantity[1], rel=0.01)
    assert 0 <= shown.regret < 0.01


@pytest.mark.slow
def test_a_draw_at_a_limit_of_the_search_leaves_the_interval_open():
    surface = with_draws(BESIROGLU)
    stopped = {**surface.draws, "alpha": np.where(np.arange(80) < 8, 0.0, surface.draws["alpha"])}
    assert plan(replace(surface, draws=stopped), 1e21).n_interval == (None, None)
    repeats = with_draws(MUENNIGHOFF)
    stopped = {**repeats.draws, "R_D": np.where(np.arange(80) < 8, 1e6, repeats.draws["R_D"])}
    assert None not in plan(replace(repeats, draws=stopped), 1e21).n_interval  # fresh tokens do not feel R_D
    assert plan(replace(repeats, draws=stopped), 1e21, 1e9).n_interval == (None, None)


def test_no_draws_give_no_band_and_say_so():
    shown = plan(BESIROGLU, 1e21)
    assert shown.loss_band == shown.run_band == shown.n_interval == (None, None)
    assert "no band: the parameters come without draws" in shown.warnings


def test_the_plan_says_how_far_outside_the_fitted_range_it_is(fitted):
    shown = plan(fitted, 1e23)
    assert shown.outside["N"] == pytest.approx(math.log10(shown.n / GRID.inputs["N"].max()))
    assert any(
        warning.startswith(f"N is {shown.outside['N']:.1f} decades above") for warning in shown.warnings
    )
    assert plan(fitted, 6e18).outside == {}
    assert plan(fitted, 1e10).outside["N"] < 0


def test_batch_and_steps():
    shown = plan(BESIROGLU, 1e21)
    assert shown.batch_tokens == pytest.approx(2.1e8 / shown.loss ** (1 / 0.21))
    assert "published by Kaplan" in shown.batch_rule
    given = plan(BESIROGLU, 1e21, batch_tokens=2**20)
    assert given.steps == pytest.approx(given.tokens / 2**20)


def test_few_steps_at_the_published_batch_are_flagged():
    easy = replace(BESIROGLU, params={**CHINCHILLA_PARAMS, "L_inf": 0.1})
    few = plan(easy, 1e19)
    assert few.steps < 1000
    words = (
        f"the published critical batch leaves {few.steps:.3g} steps: measure your own or give --batch-tokens"
    )
    assert words in few.warnings
    own = plan(easy, 1e19, batch_tokens=few.batch_tokens)
    many = plan(BESIROGLU, 1e21)
    assert many.steps > 1000
    assert not any("critical batch leaves" in warning for warning in (*own.warnings, *many.warnings))


def test_kaplans_plan_is_his_frontier_at_the_critical_batch():
    shown = plan(published_surface("kaplan-ns"), 1e21)
    best = plan_efficient_run(5e20, PUBLISHED["kaplan-ns"].params, PUBLISHED["critical-batch"].params)
    assert (shown.n, shown.loss) == pytest.approx((best.n, best.loss))
    assert (shown.tokens, shown.steps) == pytest.approx((2 * best.tokens, 2 * best.steps))
    assert 6 * shown.n * shown.tokens == pytest.approx(1e21)
    small = plan(published_surface("kaplan-ns"), 1e21, batch_tokens=1e3)
    least = plan_efficient_run(1e21, PUBLISHED["kaplan-ns"].params, PUBLISHED["critical-batch"].params)
    assert small.n == pytest.approx(least.n, rel=0.01)  # a small batch wastes nothing


def test_kaplans_plan_has_intervals_from_draws():
    surface = with_draws(published_surface("kaplan-ns"), 0.005)
    shown = plan(surface, 1e21)
    assert shown.n_interval[0] < shown.n < shown.n_interval[1]
    assert shown.loss_band[0] < shown.loss < shown.loss_band[1]


@pytest.mark.parametrize("name", ["kaplan-n", "kaplan-nd", "kaplan-c", "critical-batch", "power-offset"])
def test_a_law_that_is_no_surface_of_n_and_e_is_refused(name):
    surface = Surface("mine", LAWS[name], dict.fromkeys(LAWS[name].parameter_names, 1.0), "")
    with pytest.raises(
        FitError, match=f"{name} gives the .* cannot divide .* fit one of chinchilla, skaling"
    ):
        plan(surface, 1e21)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (dict(flops=0.0), "flops=0.0: must be positive"),
        (dict(flops=math.inf), "flops=inf"),
        (dict(flops=1e21, unique_tokens=-1.0), "unique_tokens=-1.0"),
        (dict(flops=1e21, batch_tokens=math.nan), "batch_tokens=nan"),
        (dict(flops=3.0), "no least value"),
    ],
)
def test_a_budget_that_is_none_is_refused(words, says):
    with pytest.raises(FitError, match=says):
        plan(BESIROGLU, **words)


def test_a_loss_that_falls_for_ever_with_one_input_has_no_plan():
    flat = replace(BESIROGLU, params={**CHINCHILLA_PARAMS, "beta": 0.0})
    with pytest.raises(FitError, match="besiroglu: the loss of chinchilla has no least value"):
        plan(flat, 1e21)


def test_a_fit_reads_back_as_it_was(fitted, written):
    read, there = read_fit(written), Surface.of(fitted)
    assert read.params == there.params
    assert read.law is CHINCHILLA
    np.testing.assert_array_equal(read.draws["alpha"], fitted.draws["alpha"])
    inputs = {**GRID.inputs, "E/N": GRID.inputs["E"] / GRID.inputs["N"]}
    assert read.ranges == {x: (values.min(), values.max()) for x, values in inputs.items()}
    again, first = plan(read, 1e21, 1e10).to_json(), plan(fitted, 1e21, 1e10).to_json()
    named = {"name", "source"}
    assert {k: v for k, v in again.items() if k not in named} == {
        k: v for k, v in first.items() if k not in named
    }


def changed(written, change):
    value = json.loads(written.read_text())
    change(value)
    written.write_text(json.dumps(value))
    return written


def test_the_joint_surface_reads_back_with_its_terms_and_references(written):
    law = epochs(("reuse",), 3e6, 2e7)
    params = {**GRID.params, "R_0": 10.0, "p": 0.1, "q": 0.2}

    def change(value):
        value |= {"law": "epochs", "params": params, "draws": {}}
        value["interval"] |= {name: [None, None] for name in params}
        value["diagnostics"] |= law.options
        for where in ("diagnostics", "prediction"):
            value[where]["ranges"]["U"] = [1e6, 1e9]

    surface = read_fit(changed(written, change))
    at = {"N": 1e8, "E": 1e10, "U": 1e8}
    assert float(surface.loss(1e8, 1e10, 1e8)) == float(law.predict(params, at))
    for field in ("reference", "terms"):
        with pytest.raises(FitError, match=f"{field} is missing"):
            read_fit(changed(written, lambda value, field=field: value["diagnostics"].pop(field)))


BAD = {
    "no law": (lambda v: v.pop("law"), "law is missing"),
    "other law": (lambda v: v.update(law="mine"), "no law 'mine'"),
    "no params": (lambda v: v.pop("params"), "params is missing or not an object"),
    "no parameter": (lambda v: v["params"].pop("beta"), "params.beta is missing or not a number"),
    "true": (lambda v: v["params"].update(beta=True), "params.beta is missing or not a number"),
    "words": (lambda v: v["params"].update(beta="big"), "params.beta is missing or not a number"),
    "negative": (lambda v: v["params"].update(A=-1.0), "params.A = -1 is outside its range"),
    "no draws": (lambda v: v.pop("draws"), "draws is missing or not an object"),
    "a draw missing": (lambda v: v["draws"].pop("A"), "draws.A is missing"),
    "a draw short": (lambda v: v["draws"]["A"].pop(), "not one list of the same length"),
    "draws of words": (lambda v: v["draws"].update(A=["x"]), "draws holds something else than numbers"),
    "a number for draws": (lambda v: v["draws"].update(A=1.0), "not one list of the same length"),
    "no diagnostics": (lambda v: v.pop("diagnostics"), "diagnostics is missing"),
    "no ranges": (lambda v: v["diagnostics"].pop("ranges"), "ranges is missing"),
    "range": (lambda v: v["diagnostics"]["ranges"].update(E=[0, 1]), "ranges.E is not a range"),
    "no noise": (lambda v: v["diagnostics"].pop("seed_noise"), "diagnostics.seed_noise is missing"),
    "no level": (lambda v: v["interval"].pop("level"), "interval.level is missing"),
    "level": (lambda v: v["interval"].update(level=2), "interval.level = 2 is outside"),
    "side": (lambda v: v["interval"].update(alpha=[1]), "interval.alpha is missing or not a pair"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_by_name_and_field(name, written):
    change, says = BAD[name]
    with pytest.raises(FitError, match=says) as caught:
        read_fit(changed(written, change))
    assert str(written) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not strict JSON"),
        ("[1]", "no object"),
        ('{"law": NaN}', "it holds NaN"),
        ("[" * 10**5, "not strict"),
    ],
)
def test_a_file_that_is_no_fit_is_refused(text, says, tmp_path):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(FitError, match=says):
        read_fit(tmp_path / "bad.json")
    with pytest.raises(FitError, match=r"cannot read .*absent\.json: No such file"):
        read_fit(tmp_path / "absent.json")


def test_a_null_among_the_draws_is_a_draw_that_says_nothing(written):
    def change(value):
        value["draws"]["alpha"][:40] = [None] * 40

    shown = plan(read_fit(changed(written, change)), 1e21)
    assert shown.n_interval == shown.loss_band == (None, None)
    json.dumps(shown.to_json(), allow_nan=False)


def command(console, **words):
    return plan_budget(PlanOptions(**({"flops": 1e21} | words)), console)


def test_the_command_without_a_fit_names_the_published_ones(tmp_path):
    console = Console(width=140, record=True, file=io.StringIO())
    plans = command(console, unique_tokens=1e10, json=tmp_path / "plans.json")
    said = console.export_text()
    assert "published fits" in said
    assert "Besiroglu et al. 2024" in said
    assert [shown.name for shown in plans] == ["besiroglu", "hoffmann", "muennighoff", "kaplan-ns"]
    assert "2.78B" in said
    value = json.loads((tmp_path / "plans.json").read_text())
    assert value["plans"][0]["n"] == plans[0].n
    assert "NaN" not in (tmp_path / "plans.json").read_text()


def test_the_command_with_a_fit_prints_intervals(written):
    console = Console(width=140, record=True, file=io.StringIO())
    command(console, fit=(written, written))
    said = console.export_text()
    assert "95% intervals" in said
    assert str(written) in said  # two fits of one name
    assert "C = 6NE; N: N, as the table counts it" in said
    assert sum("the loss of a new run is known within" in line for line in said.splitlines()) == 2


def test_a_plan_by_laws_together_says_whose_loss_it_is_the_least_of():
    laws = [MUENNIGHOFF.law, OVERFIT.law]
    weights = dict(zip((law.name for law in laws), (0.7, 0.3), strict=True))
    own = dict(zip(weights, (MUENNIGHOFF.params, OVERFIT.params), strict=True))
    both = Surface("both", mix_laws(laws), mixed_params(weights, own), "made up")
    (line,) = mixture_lines([BESIROGLU, both])
    assert line.plain == "both: the least mean loss of data-constrained (70%), overfit-epochs (30%)"
    shown = plan(both, 1e21, 1e9)
    sizes, tokens = (
        axis.ravel() for axis in np.meshgrid(np.geomspace(1e8, 1e11, 60), np.geomspace(1e9, 1e12, 60))
    )
    inside = 6 * sizes * tokens <= 1e21
    mean = 0.7 * MUENNIGHOFF.loss(sizes, tokens, 1e9) + 0.3 * OVERFIT.loss(sizes, tokens, 1e9)
    assert shown.loss <= mean[inside].min()
    assert shown.loss == pytest.approx(mean[inside].min(), rel=1e-3)


def test_a_name_in_brackets_is_printed_as_it_is(written, tmp_path):
    named = written.rename(tmp_path / "fit[bold]mine.json")
    console = Console(width=200, record=True, file=io.StringIO())
    command(console, fit=(named,))
    options = PlanOptions(fit=(named,), next=1, budget=1e18, target="alpha", like=tmp_path, points=tmp_path)
    choose_runs(options, lambda *_, **__: [tmp_path / "[red]x.py"], console)
    said = "".join(console.export_text().split())
    assert said.count("fit[bold]mine") >= 3
    assert "[red]x.py" in said


@pytest.mark.slow
def test_a_figure_takes_the_place_of_the_old_one_whole(tmp_path):
    figure = tmp_path / "plan.svg"
    figure.write_text("the old figure")
    with figure.open() as reader:
        draw([BESIROGLU], 1e21, None, figure)
        assert reader.read() == "the old figure"
    assert {path.name for path in tmp_path.iterdir()} == {"plan.svg", "plan-regimes-1.svg"}
    assert "<svg" in figure.read_text()


def test_the_command_draws_the_laws_that_are_surfaces(tmp_path):
    kaplan = published_surface("kaplan-ns")
    draw([kaplan, BESIROGLU], 1e21, None, tmp_path / "figures" / "plan.html")
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"plan.html", "plan-regimes-1.html"}
    with pytest.raises(FitError, match="no figure: kaplan-ns is no surface"):
        draw([kaplan], 1e21, None, tmp_path / "plan.html")
    with pytest.raises(FitError, match=r"cannot write the figure .*plan\.words"):
        draw([BESIROGLU], 1e21, None, tmp_path / "plan.words")


def test_the_next_runs_of_a_fit_and_of_its_file_are_the_same(fitted, written):
    asked = dict(runs=2, budget=1e18, target="alpha")
    assert plan_next_runs(fitted, **asked) == plan_next_runs(read_fit(written), **asked)

    def ladder(value):
        value["draws"] = {}
        value["diagnostics"]["correlated_inputs"] = 0.999

    with pytest.raises(FitError, match=r"do not bound the parameters of mine.*vary E at fixed N = "):
        plan_next_runs(read_fit(changed(written, ladder)), **asked)


def test_the_command_asks_for_what_it_needs(written, tmp_path):
    console = Console(file=io.StringIO())
    with pytest.raises(FitError, match="name the budget with --flops"):
        command(console, flops=None)
    options = PlanOptions(fit=(written,), next=2, budget=1e18, target="a")
    with pytest.raises(FitError, match="--next needs one fit"):
        choose_runs(replace(options, fit=()), list, console)
    with pytest.raises(FitError, match="--next needs --budget"):
        choose_runs(replace(options, target=None), list, console)
    with pytest.raises(FitError, match="go together"):
        choose_runs(replace(options, points=tmp_path), list, console)


def test_the_command_hands_the_next_runs_to_the_writer(written, tmp_path):
    asked = {}

    def write(points, like, folder, *, expected):
        asked.update(points=points, like=like, folder=folder, expected=expected)
        return [folder / "one.py"]

    console = Console(width=140, record=True, file=io.StringIO())
    options = PlanOptions(
        fit=(written,), next=2, budget=1e18, target="loss@1e21", like=tmp_path / "like.py",
        points=tmp_path / "next", json=tmp_path / "next.json",
    )  # fmt: skip
    found = choose_runs(options, write, console)
    assert asked["points"] == [(run.n, run.tokens, None) for run in found.runs]
    assert len(asked["expected"]) == len(found.runs) > 0
    assert "one.py" in console.export_text()
    assert json.loads((tmp_path / "next.json").read_text())["target"] == "loss@1e21"


def values(layer, spec):
    data = layer["data"]
    return data["values"] if "values" in data else spec["datasets"][data["name"]]


def test_the_figure_draws_each_law_with_its_band_and_its_best_n(fitted):
    mine = replace(Surface.of(fitted), name="mine")
    spec = planned_losses([mine, BESIROGLU], 1e21).to_dict()
    lines = pl.DataFrame(values(spec["layer"][1], spec))
    assert set(lines["law"]) == {"mine", "besiroglu"}
    own = lines.filter(pl.col("law") == "mine")
    assert (own["low"] < own["loss"]).all()
    assert (own["high"] > own["loss"]).all()
    assert lines.filter(pl.col("law") == "besiroglu")["low"].null_count() > 0
    dots = {row["law"]: row["N"] for row in values(spec["layer"][2], spec)}
    assert dots["besiroglu"] == pytest.approx(find_optimum(BESIROGLU, 1e21)[0])


@pytest.mark.slow
def test_the_map_shows_data_below_and_the_model_on_the_left():
    spec = regime_map(MUENNIGHOFF, 1e21).to_dict()
    cells = pl.DataFrame(values(spec["layer"][0], spec))
    least = cells.filter(pl.col("U") == pl.col("U").min())
    assert set(least["regime"]) == {"data"}
    corner = cells.filter(pl.col("U") == pl.col("U").max()).sort("N")
    assert corner["regime"][0] == "model"
    assert corner["regime"][-1] == "epoch"
    fresh = regime_map(BESIROGLU, 1e21).to_dict()
    shown = pl.DataFrame(values(fresh["layer"][0], fresh))
    assert (1e21 / (6 * shown["N"]) <= shown["U"]).all()
