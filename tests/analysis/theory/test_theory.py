"""The solvable models: closed forms against simulation, limits, exponents."""

import numpy as np
import polars as pl
import pytest
from scipy import integrate, optimize

from quarry import load_points
from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws.repeated_data import epochs
from quarry.analysis.theory.circuits import Circuits, saturation, speeds
from quarry.analysis.theory.comparison import beside
from quarry.analysis.theory.exact import epochs_to, reuse_rate
from quarry.analysis.theory.features import Features, _drawn, _samples, _task
from quarry.analysis.theory.lookup import Lookup, equal_features
from quarry.analysis.theory.predictions import Mean, cells, exponents
from quarry.analysis.theory.simulated import EQUAL, LOOKUP, RARE, Ladder, fours
from quarry.errors import FitError
from tests.analysis.epochs.known_surface import L_0, Surface, runs

SMALL = dict(skills=3000)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """d ln y / d ln x by least squares."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def switched_on(model: Circuits, n: float, skill: int, speed: float = 1.0) -> float:
    """Tokens until the one circuit of `skill` (1, 2, ...) has half the weight, if met as expected."""
    doubt = model.doubt + (np.log(n) if model.prior == "library" else 0.0)
    return float(doubt / (model.rate * speed * model.usefulness[skill - 1]))


def tuned_loss(features: int, noise: float, unique: float, epochs: float) -> float:
    """The loss of `equal_features` at the rate that is best for these samples and passes."""
    found = optimize.minimize_scalar(
        lambda log_rate: equal_features(features, noise, float(np.exp(log_rate))).loss(
            features, unique, epochs
        ),
        bounds=(-np.log(unique * epochs) - 2, 0.0),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(found.fun)


def mean_over_seeds(model, n, unique, epochs, seeds=20):
    return np.mean([model.loss(n, unique, epochs, seed) for seed in range(seeds)])


def test_one_circuit_has_half_the_weight_when_switched_on():
    model = Circuits(library="best", rate=0.5, **SMALL)
    m = model.met(12)[0]
    half = model.loss(1, 12, model.doubt / (model.rate * m))
    assert half == pytest.approx(model.L_inf + model.gain * (1 - model.usefulness[0] / 2))
    assert switched_on(model, 1, 1) == pytest.approx(model.doubt / (model.rate * model.usefulness[0]))


@pytest.mark.parametrize("unique", [30, 300, 3000])
def test_endless_circuits_and_passes_leave_the_skills_never_met(unique):
    model = Circuits(**SMALL)
    simulated = mean_over_seeds(model, 50_000, unique, 1e6)
    assert simulated - model.L_inf == pytest.approx(model.data_floor(unique) - model.L_inf, rel=0.06)


@pytest.mark.parametrize("library", ["best", "drawn"])
@pytest.mark.parametrize(("n", "seeds"), [(30, 40), (1000, 4)])
def test_endless_tokens_leave_the_skills_without_a_circuit(library, n, seeds):
    model = Circuits(library=library, **SMALL)
    simulated = mean_over_seeds(model, n, 1000 * n, 1e6, seeds)
    assert simulated - model.L_inf == pytest.approx(model.library_floor(n) - model.L_inf, rel=0.06)


def test_floors_are_powers_of_unique_tokens_and_of_circuits():
    model = Circuits(alpha=0.5, skills=1_000_000, doubt=40)
    many = np.array([1e2, 1e3, 1e4])
    third = -model.alpha / (1 + model.alpha)
    assert slope(many, np.array([model.data_floor(u) for u in many]) - model.L_inf) == pytest.approx(
        third, abs=0.01
    )
    assert slope(many, np.array([model.library_floor(n) for n in many]) - 1) == pytest.approx(third, abs=0.01)


def test_an_endless_library_weighs_every_speed_by_its_probability():
    model = Circuits(skills=1, slowest=0.05, tail=1.5)
    k = 6.0
    right = (
        np.exp(-model.doubt)
        * integrate.quad(
            lambda chance: np.exp(model.rate * k * speeds(np.array([chance]), model.slowest, model.tail))[0],
            0,
            1,
        )[0]
    )
    assert model.loss(200_000, 1, k) == pytest.approx(model.L_inf + model.gain / (1 + right), rel=1e-3)


def test_equal_speeds_need_ln_n_more_evidence_not_fewer_passes():
    model = EQUAL.model
    enough = model.L_inf + 1.1 * (model.data_floor(1000) - model.L_inf)
    passes = np.array([epochs_to(model, n, 1000, enough) for n in (400, 1600, 6400)])
    assert np.diff(passes) == pytest.approx(np.log(4) / model.rate, rel=0.05)  # for skills met once


@pytest.mark.parametrize(("tail", "slowest"), [(1.0, 1e-3), (2.0, 0.02)])
def test_rare_fast_circuits_make_passes_a_power_of_tokens_per_circuit(tail, slowest):
    model = Circuits(slowest=slowest, tail=tail, doubt=20, skills=10_000)
    enough = model.L_inf + 1.3 * (model.data_floor(250) - model.L_inf)
    sizes = np.array(fours(1000, 4))
    passes = np.array([epochs_to(Mean(model, (0, 1, 2)), n, 250, enough) for n in sizes])
    assert -slope(sizes, passes) == pytest.approx(1 / tail, rel=0.25)


def test_reuse_of_equal_speeds_saturates_at_the_closed_form():
    model = Mean(Circuits(doubt=40, skills=100_000), (0, 1))
    assert reuse_rate(model, 100_000, 10_000, 1e6) == pytest.approx(saturation(model.model), rel=0.12)


def test_wrong_circuits_win_by_chance_more_often_in_a_larger_library():
    model = Mean(Circuits(spurious=0.5, noise=1.0, **SMALL), (0, 1, 2, 3))
    rises = [
        model.loss(n, 300, 1e4) - min(model.loss(n, 300, k) for k in (2, 4, 8, 16)) for n in fours(1000, 3)
    ]
    assert rises[2] > 2 * rises[1] > 4 * rises[0] > 0
    sure = Circuits(**SMALL)
    assert sure.loss(1000, 300, 1e4) <= min(sure.loss(1000, 300, k) for k in (2, 4, 8, 16))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(dict(slowest=2.0), "slowest=2.0"), (dict(prior="one"), "prior='one'"), (dict(rate=0), "rate=0"),
     (dict(spurious=0.5, library="best"), "spurious")],
)  # fmt: skip
def test_circuits_refuse_constants_out_of_range(wrong, said):
    with pytest.raises(FitError, match=said):
        Circuits(**wrong)


def test_lookup_is_the_mean_of_sgd():
    model = Lookup(a=1.5, b=0.5, features=4, rate=0.4, noise=0.7)
    unique, passes, repeats = 12, 3, 20_000
    rng = np.random.default_rng(0)
    which = rng.choice(4, (repeats, unique), p=model.probability)
    x, noise = np.sqrt(model.size)[which], model.noise * rng.standard_normal((repeats, unique))
    weights, rows = np.zeros((repeats, 4)), np.arange(repeats)
    for i in list(range(unique)) * passes:
        miss = x[:, i] + noise[:, i] - weights[rows, which[:, i]] * x[:, i]
        weights[rows, which[:, i]] += model.rate * miss * x[:, i]
    errors = (weights - 1) ** 2 @ (model.probability * model.size)
    expected = model.loss(4, unique, passes) - model.L_inf
    assert errors.mean() == pytest.approx(expected, abs=4 * errors.std() / np.sqrt(repeats))


@pytest.mark.parametrize(("a", "b"), [(2.5, 1.0), (3.0, 1.5), (2.5, 0.5)])
def test_reuse_of_zipf_tokens_is_k_and_then_yans_plateau(a, b):
    model = Lookup(a=a, b=b, features=30_000)
    unique = np.array([1e3, 1e4, 1e5])
    plateau = np.array([reuse_rate(model, model.features, u, 1e12) for u in unique])
    assert slope(unique, plateau) == pytest.approx(b / (a - b), rel=0.05)
    few = plateau[-1] / 50
    assert few < reuse_rate(model, model.features, 1e5, max(few, 1.5)) * 1.5
    assert reuse_rate(model, model.features, 1e5, 1.3) == pytest.approx(1.3, rel=0.05)


def test_exponents_of_zipf_tokens_in_one_pass_in_endless_passes_and_in_size():
    model = Lookup(features=30_000)
    many = np.array([1e3, 1e4, 1e5])

    def exponent(loss):
        return slope(many, np.array([loss(x) for x in many]) - model.L_inf)

    assert exponent(lambda u: model.loss(30_000, u, 1)) == pytest.approx((1 - model.a) / model.a, rel=0.02)
    floor = (1 - model.a) / (model.a - model.b)
    assert exponent(lambda u: model.loss(30_000, u, 1e12)) == pytest.approx(floor, rel=0.02)
    assert exponent(lambda n: model.loss(n / 100, 1e12, 1e3)) == pytest.approx(1 - model.a, rel=0.02)


def test_reuse_in_the_strongly_convex_case_ends_at_a_multiple_of_log_u():
    class Tuned:
        L_inf = 1.0

        def loss(self, n, unique, epochs, seed=0):
            return tuned_loss(round(n), 1.0, unique, epochs)

    ends = [reuse_rate(Tuned(), 10, unique, 64) for unique in (1e3, 1e4)]
    assert np.diff(ends) / np.log(10) == pytest.approx([0.25], abs=0.03)
    twice = [reuse_rate(Tuned(), 10, unique, 2) for unique in (1e2, 1e3, 1e4)]
    assert all(np.diff(twice) > 0.1)
    assert twice[-1] < 2
    assert equal_features(10, 1.0, 1e-4).loss(10, 1000, 1e9) - 1 == pytest.approx(
        10 / 1000, rel=0.02
    )  # least squares


@pytest.mark.slow
def test_one_pass_on_random_features_is_the_mean_of_sgd():
    model = Features(dimension=200, most=8)
    simulated = model.sgd(8, 128, 1, repeats=300)[:, 0]
    error = simulated.std() / np.sqrt(len(simulated))
    assert simulated.mean() == pytest.approx(model.one_pass(8, 128)[-1], abs=4 * error)


def test_descent_on_random_features_is_the_loop_and_ends_at_least_squares():
    model = Features(dimension=200, most=16)
    _, sketch = _drawn(model, 0)
    phi, y = _samples(model, 4096, 0)
    phi, y = phi[:40, :8] * np.sqrt(2), y[:40]
    weights = np.zeros(8)
    for _ in range(3 * 40):
        weights += model.rate * phi.T @ (y - phi @ weights) / 40
    task = _task(model, 8, 0)
    assert task.covariance == pytest.approx(2 * sketch[:8] @ sketch[:8].T)
    assert model.loss(8, 40, 3) == pytest.approx(model._loss_of(task, weights))
    squares = np.linalg.lstsq(phi, y, rcond=None)[0]
    assert model.loss(8, 40, 1e9) == pytest.approx(model._loss_of(task, squares))


def test_many_passes_of_slow_sgd_on_random_features_follow_descent():
    model = Features(dimension=200, most=8, rate=0.005)
    simulated = model.sgd(8, 64, 64)[0] - model.L_inf
    descended = model.descent(8, 64, np.array([1, 4, 16, 64])) - model.L_inf
    assert simulated[[0, 3, 15, 63]] == pytest.approx(descended, rel=0.02)


@pytest.mark.slow
def test_random_features_have_lins_exponents():
    model = Features(dimension=4000, most=64)
    sizes = [8, 16, 32, 64]
    left = np.array([np.mean([_task(model, n, seed).left for seed in range(4)]) for n in sizes])
    assert slope(np.array(sizes), left) == pytest.approx(1 - model.b, abs=0.08)
    model = Features()
    unique = np.array([64.0, 256.0, 1024.0])
    losses = np.array(
        [np.mean([model.descent(256, u, 2.0 ** np.arange(9), s) for s in range(2)], axis=0) for u in unique]
    )
    once, best = slope(unique, losses[:, 0] - model.L_inf), slope(unique, losses.min(axis=1) - model.L_inf)
    assert once < -0.25  # (1 - b) / a, and steeper as dimension and N are finite
    assert best / once == pytest.approx(model.a / model.b, rel=0.15)  # U^((1-b)/b) over U^((1-b)/a)


@pytest.mark.slow
def test_the_fitting_tools_recover_the_exponents_of_simulated_points_as_of_measured_ones(tmp_path):
    LOOKUP.points().filter(pl.col("U") < 5000).write_parquet(tmp_path / "points.parquet")
    found = fit(load_points(tmp_path / "points.parquet"), epochs(("reuse",)), bootstrap=0).params
    assert found["beta"] == pytest.approx(0.6, rel=0.05)  # (a - 1) / a
    assert found["p"] == pytest.approx(2 / 3, abs=0.03)  # Yan's plateau, b / (a - b)
    assert found["q"] == pytest.approx(0, abs=0.01)


@pytest.mark.slow
def test_the_study_tells_the_models_apart():
    """Only rare fast circuits give both fewer passes and less worth of repeats to larger models."""
    known = Surface()
    measured = study_epochs(runs(known, 0), L_0, bootstrap=100)
    table = beside(measured.laws, (RARE, EQUAL, LOOKUP))
    of = {row["source"]: row for row in table.iter_rows(named=True)}
    assert of["measured"]["b_low"] < known.b < of["measured"]["b_high"]
    assert of["rare"]["b"] > 0.3
    assert of["rare"]["q"] > 0.2
    assert of["equal"]["b"] < 0
    assert of["equal"]["q"] < 0
    assert of["lookup"]["q"] == pytest.approx(0, abs=0.02)
    assert of["lookup"]["p"] > 0.3
    for name in ("equal", "lookup"):
        assert "q" in of[name]["differs"]


def test_exact_predictions_tell_extraction_from_the_cost_of_a_larger_library():
    small = dict(sizes=fours(1000, 3), unique=(250, 500))
    rare = exponents(cells(Ladder("rare", Circuits(slowest=0.01, skills=5000), **small)))
    split = exponents(
        cells(Ladder("equal", Circuits(skills=20_000, library="best", prior="library"), **small))
    )
    assert rare["b"] > 0.4
    assert rare["q"] > 0.2
    assert -0.15 < split["b"] < 0
    assert split["q"] < 0


def test_the_gap_of_one_pass_closes_only_if_one_token_is_evidence_enough():
    slow, sure = (Circuits(doubt=4.0, rate=rate, **SMALL) for rate in (1.0, 40.0))
    gaps = [model.loss(100_000, 1000, 1.0) - model.data_floor(1000) for model in (slow, sure)]
    assert gaps[0] > 0.05
    assert abs(gaps[1]) < 0.02
