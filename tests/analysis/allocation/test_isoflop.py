"""IsoFLOP minima against closed forms, their intervals against repeats, and what is refused."""

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarry.analysis.allocation.gaps import clusters
from quarry.analysis.allocation.isoflop import fit_isoflop
from quarry.analysis.laws.chinchilla import CHINCHILLA, chinchilla_optimum
from quarry.analysis.points.loading import load_points
from quarry.errors import FitError, PointsError
from tests.analysis.coverage import fewest_held
from tests.published import published

BESIROGLU = {"L_inf": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
UNEQUAL = {"L_inf": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.46, "beta": 0.31}
EXPONENT = 0.3658 / (0.3478 + 0.3658)
BUDGETS = tuple(np.geomspace(1e18, 1e21, 4))


def surface(
    law, budgets=BUDGETS, reach=8.0, sizes=7, shift=1.0, noise=0.0, seeds=1, rng=None
) -> pl.DataFrame:
    """Points at `sizes` sizes within a factor `reach` of `shift` times the optimum of each budget."""
    grid = np.geomspace(1 / reach, reach, sizes) * shift
    n = np.concatenate([float(chinchilla_optimum(law, c)[0]) * grid for c in budgets for _ in range(seeds)])
    flops = np.repeat(budgets, sizes * seeds)
    loss = CHINCHILLA.predict(law, {"N": n, "E": flops / (6 * n)})
    if rng is not None:
        loss = loss * np.exp(noise * rng.standard_normal(len(n)))
    return pl.DataFrame({"N": n, "E": flops / (6 * n), "C": flops, "loss": loss})


def errors(result, law) -> np.ndarray:
    """Of the minima, as fractions of the optima in closed form."""
    optimum = np.asarray(chinchilla_optimum(law, result.budgets["C"].to_numpy())[0])
    return result.budgets["N"].to_numpy() / optimum - 1


@pytest.mark.parametrize("reach", [2.0, 4.0, 16.0])
@pytest.mark.parametrize("shift", [0.8, 1.0, 1.3])
def test_without_noise_akima_finds_the_optimum_within_2_percent_and_the_exponents(reach, shift):
    result = fit_isoflop(surface(BESIROGLU, reach=reach, shift=shift), bootstrap=100)
    assert len(result.budgets) == len(BUDGETS)
    assert result.refused.is_empty()
    assert np.abs(errors(result, BESIROGLU)).max() < 0.02
    assert result.trend.a == pytest.approx(EXPONENT, abs=0.01)
    assert result.trend.b == pytest.approx(1 - EXPONENT, abs=0.01)
    tokens, (low, high) = result.trend.tokens(1e20)
    assert tokens == pytest.approx(float(chinchilla_optimum(BESIROGLU, 1e20)[1]), rel=0.02)
    assert low <= tokens <= high


def test_the_parabola_is_biased_towards_large_n_by_more_the_wider_the_sizes():
    bias = {
        reach: errors(
            fit_isoflop(surface(UNEQUAL, reach=reach), method="parabola", bootstrap=0), UNEQUAL
        ).mean()
        for reach in (2.0, 4.0, 8.0, 16.0)
    }
    assert 0.005 < bias[2.0] < 0.015
    assert 3 * bias[2.0] < bias[4.0] < bias[8.0] < bias[16.0]
    assert bias[16.0] > 0.12
    akima = errors(fit_isoflop(surface(UNEQUAL, reach=16.0), bootstrap=0), UNEQUAL)
    assert np.abs(akima).max() < 0.05


def test_the_parabola_says_that_it_is_biased_and_over_what_range():
    warnings = fit_isoflop(surface(BESIROGLU, reach=16.0), method="parabola").trend.warnings
    assert any("2603.22339" in warning and "256" in warning for warning in warnings)


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say():
    inside, ends, found, repeats = [], [], [], 40
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        shift = np.exp(rng.uniform(-0.3, 0.3))
        points = surface(BESIROGLU, np.geomspace(1e18, 1e21, 6), reach=4.0, shift=shift, noise=0.002, rng=rng)
        result = fit_isoflop(points, bootstrap=100)
        for flops, low, high in result.budgets.select("C", "N_low", "N_high").rows():
            inside.append(low <= float(chinchilla_optimum(BESIROGLU, flops)[0]) <= high)
        ends.append(result.trend.a_interval)
        found.append(result.trend.a)
    low, high = np.transpose(ends)
    assert len(inside) == 6 * repeats
    assert 0.90 <= np.mean(inside) <= 0.99
    assert ((low <= EXPONENT) & (high >= EXPONENT)).sum() >= fewest_held(repeats)
    assert 0.6 < np.median(high - low) / (2 * 1.96 * np.std(found)) < 1.8


@pytest.mark.parametrize("noise", [0.0005, 0.003, 0.01])
@pytest.mark.parametrize("method", ["akima", "parabola"])
def test_the_estimates_and_the_budgets_are_the_same_with_and_without_intervals(noise, method):
    rng = np.random.default_rng(3)
    points = surface(BESIROGLU, np.geomspace(1e18, 1e21, 6), reach=3.0, noise=noise, rng=rng)
    plain = fit_isoflop(points, method=method, bootstrap=0)
    assert plain.trend.a_interval == (None, None)
    for drawn in (fit_isoflop(points, method=method, bootstrap=200, seed=seed) for seed in (0, 1)):
        assert drawn.budgets.select("C", "N", "E", "loss").equals(plain.budgets.select("C", "N", "E", "loss"))
        assert drawn.refused.equals(plain.refused)
        assert (drawn.trend.a, drawn.trend.b, drawn.trend.N_0) == (
            plain.trend.a,
            plain.trend.b,
            plain.trend.N_0,
        )
        low, high = drawn.trend.a_interval
        assert low < plain.trend.a < high


def test_every_minimum_has_the_same_weight_in_the_line():
    points = surface(
        BESIROGLU, np.geomspace(1e18, 1e21, 6), reach=4.0, noise=0.003, rng=np.random.default_rng(0)
    )
    result = fit_isoflop(points, bootstrap=200)
    log_sd = result.budgets["log_sd"].to_numpy()
    assert log_sd.max() > 1.2 * log_sd.min()
    slope = np.polyfit(np.log(result.budgets["C"].to_numpy()), np.log(result.budgets["N"].to_numpy()), 1)[0]
    assert result.trend.a == pytest.approx(slope)


def test_losses_far_above_the_minimum_do_not_count_as_noise():
    """Sizes up to 128 times the optimum whose losses scatter by 10%, as those of runs of few steps do."""
    rng = np.random.default_rng(0)
    near = surface(BESIROGLU, reach=4.0, sizes=9, noise=0.001, rng=rng)
    far = surface(BESIROGLU, reach=2.0, sizes=5, shift=64.0, noise=0.1, rng=rng)
    far = far.with_columns(loss=1.5 * pl.col("loss"))
    wide, narrow = fit_isoflop(pl.concat([near, far])), fit_isoflop(near)
    assert wide.budgets["sizes"].to_list() == [14] * 4
    assert wide.noise.sd == pytest.approx(0.001, rel=0.4)
    seeds = surface(BESIROGLU, reach=4.0, noise=0.001, seeds=3, rng=rng)
    apart = surface(BESIROGLU, reach=2.0, sizes=5, shift=64.0, noise=0.1, seeds=3, rng=rng)
    apart = apart.with_columns(loss=1.5 * pl.col("loss"))
    assert fit_isoflop(pl.concat([seeds, apart])).noise.sd == pytest.approx(0.001, rel=0.3)
    assert wide.trend.a == pytest.approx(narrow.trend.a)
    assert np.ptp(wide.trend.a_interval) < 1.4 * np.ptp(narrow.trend.a_interval)


def test_one_curve_with_a_fault_does_not_drown_the_others():
    points = surface(
        BESIROGLU, np.geomspace(1e18, 1e21, 5), reach=4.0, noise=0.001, rng=np.random.default_rng(0)
    )
    faulty = (pl.col("C") < 2e18) & (pl.col("N").rank("dense").over("C") % 2 == 0)
    result = fit_isoflop(points.with_columns(loss=pl.when(faulty).then(1.1).otherwise(1.0) * pl.col("loss")))
    assert result.noise.sd == pytest.approx(0.001, rel=0.5)
    assert result.budgets["C"].to_list()[-4:] == pytest.approx(list(np.geomspace(1e18, 1e21, 5)[1:]))


@pytest.mark.slow
@pytest.mark.parametrize("law", [BESIROGLU, UNEQUAL])
@pytest.mark.parametrize(("reach", "sizes"), [(4.0, 5), (4.0, 12), (16.0, 7)])
@pytest.mark.parametrize("noise", [0.0005, 0.002])
def test_coverage_and_noise_on_designs_wide_and_narrow(law, reach, sizes, noise):
    """The figures of the module's docstring, by few repeats: raise `repeats` to 100 to measure them."""
    inside, exponent, measured, repeats = [], [], [], 12
    budgets, true_a = np.geomspace(1e18, 1e21, 6), law["beta"] / (law["alpha"] + law["beta"])
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        shift = np.exp(rng.uniform(-0.3, 0.3))
        result = fit_isoflop(surface(law, budgets, reach, sizes, shift, noise, rng=rng), bootstrap=200)
        truth = np.asarray(chinchilla_optimum(law, result.budgets["C"].to_numpy())[0])
        low, high = (result.budgets[name].to_numpy() for name in ("N_low", "N_high"))
        inside += ((low <= truth) & (truth <= high)).tolist()
        exponent.append(result.trend.a_interval[0] <= true_a <= result.trend.a_interval[1])
        measured.append(result.noise.sd)
    assert len(inside) == 6 * repeats
    assert np.mean(inside) >= 0.85
    assert sum(exponent) >= repeats - 2
    assert np.sqrt(np.mean(np.square(measured))) == pytest.approx(noise, rel=0.25)


def test_the_noise_is_found_between_seeds_and_about_the_curve():
    rng = np.random.default_rng(0)
    seeds = fit_isoflop(surface(BESIROGLU, noise=0.004, reach=4.0, seeds=4, rng=rng))
    assert seeds.noise.source == "runs of one size and budget"
    assert seeds.noise.freedom == 4 * 7 * 3
    assert seeds.noise.sd == pytest.approx(0.004, rel=0.25)
    assert seeds.budgets["sizes"].to_list() == [7] * 4
    assert seeds.budgets["points"].to_list() == [28] * 4
    alone = fit_isoflop(surface(BESIROGLU, noise=0.004, sizes=13, reach=4.0, rng=rng))
    assert alone.noise.freedom == 4 * (13 - 5)
    assert alone.noise.sd == pytest.approx(0.004, rel=0.4)


def test_more_seeds_narrow_the_intervals():
    width = {}
    for seeds in (1, 9):
        points = surface(BESIROGLU, seeds=seeds)
        low, high = fit_isoflop(points, noise=0.003).trend.a_interval
        width[seeds] = high - low
    assert width[9] == pytest.approx(width[1] / 3, rel=0.3)


def test_a_standard_error_of_the_loss_stands_in_with_a_warning_where_nothing_else_is_known():
    points = surface(BESIROGLU, budgets=(1e19, 1e20), sizes=4, reach=3.0)
    known = fit_isoflop(points.with_columns(loss_sem=0.002 * pl.col("loss")))
    assert known.noise.source == "loss_sem"
    assert known.noise.sd == pytest.approx(0.002)
    assert any("loss_sem" in warning for warning in known.trend.warnings)
    unknown = fit_isoflop(points)
    assert unknown.noise is None
    assert unknown.trend.a_interval == (None, None)
    assert unknown.trend.n(1e20)[1] == (None, None)
    assert unknown.budgets["N_low"].null_count() == 2
    assert any("no interval" in warning for warning in unknown.trend.warnings)


def test_a_minimum_at_an_edge_is_refused_and_the_other_budgets_stay():
    beyond = surface(BESIROGLU, budgets=(1e19,), reach=3.0, shift=12.0)
    below = surface(BESIROGLU, budgets=(1e17,), reach=3.0, shift=1 / 12)
    result = fit_isoflop(pl.concat([surface(BESIROGLU, budgets=(1e18, 1e20, 1e21)), beyond, below]))
    assert result.budgets["C"].to_list() == pytest.approx([1e18, 1e20, 1e21])
    smallest, largest = result.refused.sort("C", descending=True)["reason"]
    assert "smallest size" in smallest
    assert "largest size" in largest
    assert result.trend.a == pytest.approx(EXPONENT, abs=0.01)


@pytest.mark.parametrize("method", ["akima", "parabola"])
def test_curves_that_bend_down_are_refused_each_with_its_reason(method):
    points = surface(BESIROGLU, budgets=(1e18, 1e20))
    hills = points.with_columns(loss=9 / pl.col("loss"))
    with pytest.raises(FitError, match=r"0 budgets with a minimum.*10¹⁸: .*10²⁰: .*"):
        fit_isoflop(hills, method=method)


def test_a_parabola_that_bends_down_with_its_least_loss_inside_is_refused():
    n = np.geomspace(1e7, 1e9, 5)
    hill = pl.DataFrame({"N": n, "C": np.full(5, 1e17), "loss": [3.0, 3.4, 2.99, 3.4, 3.0]})
    good = surface(BESIROGLU).select("N", "C", "loss")
    result = fit_isoflop(pl.concat([good, hill]), method="parabola", bootstrap=0)
    assert result.refused["reason"].to_list() == ["a parabola has no minimum inside the sizes"]


def test_a_budget_whose_minimum_drowns_in_noise_is_refused():
    flat = surface(BESIROGLU, budgets=(1e18,), reach=1.2)
    result = fit_isoflop(pl.concat([flat, surface(BESIROGLU, budgets=(1e19, 1e20, 1e21))]), noise=0.01)
    assert result.refused["C"].to_list() == pytest.approx([1e18])
    assert "draws of the noise bend upwards" in result.refused["reason"][0]


@pytest.mark.slow
def test_pure_noise_has_no_optimum():
    n = np.tile(np.geomspace(1e7, 1e9, 7), 4)
    flops = np.repeat(BUDGETS, 7)
    kept = 0
    for seed in range(50):
        loss = 3 * np.exp(0.01 * np.random.default_rng(seed).standard_normal(28))
        try:
            kept += len(fit_isoflop(pl.DataFrame({"N": n, "C": flops, "loss": loss}), bootstrap=200).budgets)
        except FitError:
            continue
    assert kept <= 0.1 * 50 * 4


def test_two_budgets_make_a_line_with_a_warning_and_one_does_not():
    two = fit_isoflop(surface(BESIROGLU, budgets=(1e19, 1e21)))
    assert two.trend.a == pytest.approx(EXPONENT, abs=0.01)
    assert any("two budgets" in warning for warning in two.trend.warnings)
    with pytest.raises(FitError, match=r"1 budget with a minimum.*3 sizes, and Akima's spline needs 4"):
        fit_isoflop(pl.concat([surface(BESIROGLU, budgets=(1e19,)), surface(BESIROGLU, (1e20,), sizes=3)]))
    assert len(fit_isoflop(surface(BESIROGLU, sizes=3, reach=2.0), method="parabola").budgets) == len(BUDGETS)


def test_a_grid_of_n_and_e_is_refused_with_a_few_of_its_budgets():
    n, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 2e9, 8), np.geomspace(5e9, 8e10, 5)))
    loss = CHINCHILLA.predict(BESIROGLU, {"N": n, "E": tokens})
    with pytest.raises(FitError, match=r"Akima's spline needs 4; and \d+ more\): train") as refused:
        fit_isoflop(pl.DataFrame({"N": n, "E": tokens, "loss": loss}))
    assert str(refused.value).count("C = ") == 4


def test_budgets_are_found_where_c_is_not_exact_and_taken_where_they_are_given():
    rng = np.random.default_rng(1)
    points = surface(BESIROGLU)
    near = points.with_columns(C=pl.col("C") * rng.uniform(0.96, 1.04, len(points)))
    found = fit_isoflop(near, noise=0.001)
    assert found.budgets["C"].to_numpy() == pytest.approx(np.array(BUDGETS), rel=0.03)
    labelled = points.with_columns(budget=pl.col("C").rank("dense"), C=pl.col("C") * np.tile([1.0, 1.3], 14))
    given = fit_isoflop(labelled, noise=0.001)
    assert given.budgets["sizes"].to_list() == [7] * 4
    assert sum("C varies by 30% within 4 budgets" in warning for warning in given.trend.warnings) == 1
    strays = pl.DataFrame({"N": [1e8, 1e9], "E": [1e9, 1e11], "C": [6e17, 6e20], "loss": [3.0, 3.0]})
    assert any(
        "2 points left out" in warning for warning in fit_isoflop(pl.concat([points, strays])).trend.warnings
    )


def scattered(points: pl.DataFrame, by: float, law=BESIROGLU) -> pl.DataFrame:
    """The points with C uniform within the share `by` of each budget, by other E, and the law's losses."""
    c = points["C"].to_numpy() * np.random.default_rng(0).uniform(1 - by, 1 + by, len(points))
    n = points["N"].to_numpy()
    loss = CHINCHILLA.predict(law, {"N": n, "E": c / (6 * n)})
    return pl.DataFrame({"N": n, "E": c / (6 * n), "C": c, "loss": loss})


@pytest.mark.parametrize("spacing", [3.0, 10.0])
def test_budgets_whose_c_scatters_by_a_fifth_are_one_each_and_their_losses_are_moved_to_one_c(spacing):
    budgets = 1e18 * spacing ** np.arange(4.0)
    points = scattered(surface(BESIROGLU, budgets), 0.2)
    found = fit_isoflop(points)
    assert found.refused.is_empty()
    assert found.budgets["points"].to_list() == [7] * 4
    assert found.budgets["C"].to_numpy() == pytest.approx(budgets, rel=0.15)
    assert np.abs(errors(found, BESIROGLU)).max() < 0.03
    assert found.trend.a == pytest.approx(EXPONENT, abs=0.01)
    (moved,) = (warning for warning in found.trend.warnings if "moved to one C" in warning)
    assert "within 4 budgets from " in moved
    by_name = fit_isoflop(points.with_columns(budget=pl.Series(np.repeat(["a", "b", "c", "d"], 7))))
    assert by_name.trend.a == found.trend.a
    windows = fit_isoflop(points, method="parabola", tolerance=0.05)
    assert len(windows.budgets) + len(windows.refused) > 4


def test_a_tolerance_beside_a_column_budget_is_said_to_be_unused():
    points = surface(BESIROGLU).with_columns(budget=pl.col("C").rank("dense"))
    assert any(
        "tolerance=0.1 is not used" in note for note in fit_isoflop(points, tolerance=0.1).trend.warnings
    )
    assert not any("tolerance" in note for note in fit_isoflop(points).trend.warnings)


def test_tables_without_budgets_are_cut_by_no_gap():
    rng, passed = np.random.default_rng(0), 0
    for _ in range(20):
        n, tokens = np.sort(rng.uniform(0, 6, (2, 8)))
        passed += clusters((n[:, None] + tokens).ravel(), np.repeat(np.arange(8), 8)) is not None
    assert passed <= 1


def test_budgets_too_close_in_c_are_no_line():
    with pytest.raises(
        FitError, match=r"0\.04 decades: too short for a line in C, which needs a factor of 1\.5"
    ):
        fit_isoflop(surface(BESIROGLU, budgets=(1e19, 1.1e19), noise=0.001, rng=np.random.default_rng(0)))
    assert fit_isoflop(surface(BESIROGLU, budgets=(1e19, 1.5e19)), bootstrap=0).trend.a == pytest.approx(
        EXPONENT, abs=0.02
    )


def test_tokens_follow_the_c_of_the_points_where_it_is_not_6ne():
    dear = surface(BESIROGLU).with_columns(C=pl.col("C") * 1.5)
    result = fit_isoflop(dear, noise=0.001)
    for flops, n, tokens in result.budgets.select("C", "N", "E").rows():
        assert tokens == pytest.approx(flops / 1.5 / (6 * n))


def test_evaluations_of_one_run_at_one_budget_count_once():
    points = surface(BESIROGLU).with_row_index("run").with_columns(pl.col("run").cast(pl.String))
    later = points.with_columns(pl.col("C", "E") * 1.01, pl.col("loss") * 1.05)
    result = fit_isoflop(pl.concat([points, later]), noise=0.001)
    assert result.budgets["points"].to_list() == [7] * 4


def test_minima_off_the_line_widen_its_interval():
    points = surface(BESIROGLU)
    bent = surface(BESIROGLU, shift=2.0).with_columns(N=pl.col("N") / 2, E=pl.col("E") * 2)
    parts = [points.filter(pl.col("C") < 5e19), bent.filter(pl.col("C") > 5e20), points.filter(C=BUDGETS[2])]
    plain, odd = fit_isoflop(points, noise=1e-3), fit_isoflop(pl.concat(parts), noise=1e-3)
    assert plain.trend.widening == 1.0
    assert odd.trend.widening > 1.5
    assert any("widened" in warning for warning in odd.trend.warnings)


def test_predictions_outside_the_budgets_say_how_far():
    trend = fit_isoflop(surface(BESIROGLU)).trend
    assert trend.warnings_at(1e20) == trend.warnings
    assert "2 decades above" in trend.warnings_at(1e23)[-1]
    assert "1 decades below" in trend.warnings_at(1e17)[-1]
    low, high = trend.n(1e25)[1]
    near_low, near_high = trend.n(1e20)[1]
    assert high / low > near_high / near_low
    with pytest.raises(FitError, match="flops=-1"):
        trend.n(-1)


def test_the_result_is_strict_json_the_same_for_one_seed():
    points = surface(BESIROGLU, noise=0.003, rng=np.random.default_rng(0))
    first, again = (json.dumps(fit_isoflop(points).to_json(), allow_nan=False) for _ in range(2))
    assert first == again
    written = json.loads(first)
    assert {"method", "interpolation", "noise", "budgets", "refused", "trend"} == set(written)
    low, high = written["trend"]["interval"]["a"]
    assert low < written["trend"]["params"]["a"] < high


@pytest.mark.slow
@settings(max_examples=25)
@given(st.floats(3, 12), st.floats(0.2, 0.6), st.floats(0.2, 0.6))
def test_sizes_from_a_thousand_to_a_trillion(exponent, alpha, beta):
    """A surface whose optimum at 1e20 FLOPs is 10^exponent."""
    n, tokens = 10**exponent, 1e20 / 6 / 10**exponent
    law = {"L_inf": 1.7, "A": n**alpha, "B": alpha / beta * tokens**beta, "alpha": alpha, "beta": beta}
    result = fit_isoflop(surface(law, budgets=(1e19, 1e20, 1e21), reach=4.0), bootstrap=100)
    assert result.trend.a == pytest.approx(beta / (alpha + beta), abs=0.01)
    assert result.trend.n(1e20)[0] == pytest.approx(n, rel=0.03)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "spline"}, "method='spline'"),
        ({"tolerance": 0.0}, "tolerance=0.0"),
        ({"noise": math.nan}, "noise=nan"),
        ({"bootstrap": 10}, "bootstrap=10"),
        ({"level": 1.0}, "level=1.0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(FitError, match=message):
        fit_isoflop(surface(BESIROGLU), **options)


def test_points_that_cannot_be_used_are_refused():
    points = surface(BESIROGLU)
    with pytest.raises(PointsError, match="needs the column loss"):
        fit_isoflop(points.drop("loss"))
    with pytest.raises(PointsError, match="column loss, row 1: nan is not a positive number"):
        fit_isoflop(points.with_columns(loss=pl.lit(math.nan)))
    with pytest.raises(FitError, match="no points"):
        fit_isoflop(points.clear())
    ladder = pl.DataFrame(
        {"N": np.geomspace(1e6, 1e9, 7), "E": np.geomspace(2e7, 2e10, 7), "loss": [3.0] * 7}
    )
    with pytest.raises(FitError, match="no two sizes were measured at the same C"):
        fit_isoflop(ladder)
    with pytest.raises(FitError, match="every optimum lies at C"):
        fit_isoflop(
            pl.concat([surface(BESIROGLU, (1e20,)).with_columns(budget=label) for label in (1.0, 2.0)])
        )


@pytest.mark.slow
def test_five_thousand_points_give_every_budget():
    points = surface(BESIROGLU, budgets=np.geomspace(1e18, 1e22, 50), sizes=20, seeds=5)
    assert len(fit_isoflop(points, noise=0.002).budgets) == 50


def test_chinchillas_table_gives_an_exponent_near_a_half():
    result = fit_isoflop(load_points(published("chinchilla_234.csv")))
    assert len(result.budgets) >= 9
    assert 0.46 < result.trend.a < 0.56
    low, high = result.trend.a_interval
    assert low < EXPONENT < high
    assert 0.001 < result.noise.sd < 0.01
    per_parameter = result.trend.tokens(5.76e23)[0] / result.trend.n(5.76e23)[0]
    assert 8 < per_parameter < 40
    assert "decades above" in result.trend.warnings_at(5.76e23)[-1]


def test_repeated_data_is_said():
    points = surface(BESIROGLU).with_columns(U=pl.col("E") / 2)
    assert any("28 points used repeat data" in warning for warning in fit_isoflop(points).trend.warnings)
    both = pl.concat([points, points.with_columns(U=pl.col("E") / 4, loss=pl.col("loss") * 1.02)])
    said = "runs of one size and budget differ in passes over their data: their mean counts"
    assert any(said in warning for warning in fit_isoflop(both, bootstrap=0).trend.warnings)


def test_a_single_budget_is_named_with_the_remedy():
    with pytest.raises(
        FitError, match=r"1 budget with a minimum, .* \(C = 10²⁰ has one\): train several sizes"
    ):
        fit_isoflop(surface(BESIROGLU, budgets=(1e20,)))
