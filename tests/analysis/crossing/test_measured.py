"""The crossing of laws fitted to points: against known worlds, and designs that cannot carry it."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from quarry.analysis.commands.crossing import CrossingOptions, cross_points, published_table
from quarry.analysis.commands.options import BootstrapOptions, OutputOptions
from quarry.analysis.crossing.four_laws import Growth, LossLaw, drawn_laws
from quarry.analysis.crossing.known_laws import Crossing, log10_meeting
from quarry.analysis.crossing.measured import find_crossing
from quarry.analysis.crossing.misfit import LawMisfit, shifted_positions
from quarry.analysis.fitting.prediction.extrapolation import Extrapolation
from quarry.analysis.fitting.prediction.outlook import Outlook
from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.points.loading import as_points
from quarry.analysis.report.figures.crossing import crossing_curves, crossing_histogram
from quarry.errors import FitError, PointsError
from tests.analysis.coverage import fewest_held


@dataclass(frozen=True)
class World:
    """First passes follow A/N^a + B/E^b, so that L(C), D(C) are exact power laws; floors a power law of U."""

    a: float = 0.18
    b: float = 0.2
    A: float = 25.0
    B: float = 40.0
    alpha_D: float = 0.12
    at: float = 1e20

    def first_pass(self, n, tokens):
        return self.A * n**-self.a + self.B * tokens**-self.b

    @property
    def tokens(self) -> Growth:
        scale = (self.b * self.B / (self.a * self.A) * 6**-self.a) ** (1 / (self.a + self.b))
        return Growth(scale, self.a / (self.a + self.b))

    @property
    def compute(self) -> LossLaw:
        exponent = self.a * self.b / (self.a + self.b)
        return LossLaw(1e15 * self.best(1e15) ** (1 / exponent), exponent)

    @property
    def data(self) -> LossLaw:
        """L(D) that meets L(C) at C = `at`."""
        return LossLaw(self.tokens.at(self.at) * self.best(self.at) ** (1 / self.alpha_D), self.alpha_D)

    def best(self, flops):
        d = self.tokens.at(flops)
        return self.first_pass(flops / (6 * d), d)

    def table(self, noise: float, seed: int, seeds: int = 3, checkpoints: bool = True) -> pl.DataFrame:
        """Runs along the optimal plan and runs of 2 to 32 epochs, with noise shared by a run's rows."""
        random, rows = np.random.default_rng(seed), []
        for flops in np.geomspace(1e13, 1e17, 7):
            d = self.tokens.at(flops)
            for i in range(seeds):
                loss = self.best(flops) * math.exp(noise * random.standard_normal())
                rows.append((f"c{flops:.1e}-{i}", flops / (6 * d), d, 1e12, flops, loss))
        for unique in np.geomspace(1e6, 1e9, 6):
            for i in range(seeds):
                factor = math.exp(noise * random.standard_normal())
                for k in (2, 4, 8, 16, 32) if checkpoints else (8,):
                    loss = self.data.at(unique) * (1 + 0.03 * abs(math.log2(k / 8))) * factor
                    rows.append((f"u{unique:.1e}-{i}", 1e8, k * unique, unique, 6e8 * k * unique, loss))
        return pl.DataFrame(rows, schema=["run", "N", "E", "U", "C", "loss"], orient="row")


WORLD = World()
PARALLEL = World(alpha_D=0.25)  # alpha_D p exceeds alpha_C


@pytest.mark.slow
def test_without_noise_the_true_laws_and_crossing_are_found():
    points = replace(as_points(WORLD.table(0.0, 0)), notes=("read as this",))
    found = find_crossing(points, bootstrap=0)
    assert found.to_json()["warnings"][0] == "read as this"
    assert found.crossing.flops == pytest.approx(1e20, rel=1e-3)
    assert found.crossing.loss == pytest.approx(WORLD.best(1e20), rel=1e-4)
    assert found.crossing.tokens == pytest.approx(WORLD.tokens.at(1e20), rel=1e-3)
    assert found.crossing.n == pytest.approx(1e20 / (6 * WORLD.tokens.at(1e20)), rel=1e-3)
    assert found.compute.exponent == pytest.approx(WORLD.compute.exponent, rel=1e-4)
    assert found.data.exponent == pytest.approx(0.12, rel=1e-4)
    assert found.tokens.exponent == pytest.approx(WORLD.tokens.exponent, rel=1e-6)
    assert "no interval was asked for (bootstrap=0)" in found.warnings
    assert (found.median, found.interval, found.p_none) == (None, (None, None), None)


@pytest.mark.slow
@pytest.mark.parametrize("offset", ["shared", "separate"])
def test_an_irreducible_loss_is_found_and_the_crossing_with_it(offset):
    world = WORLD.table(0.0, 0).with_columns(pl.col("loss") + 1.5)
    found = find_crossing(world, offset=offset, bootstrap=0)
    assert found.compute.offset == pytest.approx(1.5, abs=0.02)
    assert found.data.offset == pytest.approx(1.5, abs=0.02)
    assert math.log10(found.crossing.flops) == pytest.approx(20, abs=0.3)


@pytest.mark.slow
def test_a_wrong_law_is_rejected_and_a_right_one_is_not():
    """Losses with a floor, read as power laws through zero."""
    right = find_crossing(WORLD.table(0.003, 1), bootstrap=0)
    assert not any("rejected" in warning for warning in right.warnings)
    table = WORLD.table(0.003, 1).with_columns(pl.col("loss") + 1.5)
    wrong = find_crossing(table, bootstrap=0).warnings
    assert any(warning.startswith("L(C) is rejected by these points") for warning in wrong)
    assert not any("rejected" in w for w in find_crossing(table, offset="shared", bootstrap=0).warnings)


@pytest.mark.slow
def test_intervals_hold_the_true_crossing():
    repeats = 30
    found = [
        find_crossing(WORLD.table(0.01, seed), bootstrap=100, seed=seed, level=0.95)
        for seed in range(repeats)
    ]
    ends = [f.parameter_interval for f in found]
    covered = [(low or 0) <= 1e20 <= (math.inf if high is None else high) for low, high in ends]
    off = np.median([math.log10(f.crossing.flops) - 20 for f in found])
    print("covered", np.mean(covered), "median error, decades", off)
    assert sum(covered) >= fewest_held(repeats)
    assert abs(off) < 0.15
    assert 0.1 < np.median([math.log10((high or math.inf) / (low or 0.1)) for low, high in ends]) < 1
    assert np.mean([(f.interval[0] or 0) <= 1e20 <= (f.interval[1] or math.inf) for f in found]) >= 0.95


@pytest.mark.slow
def test_a_runs_checkpoints_stay_together_so_more_of_them_do_not_narrow_the_interval():
    few, many = (
        find_crossing(WORLD.table(0.01, 3, checkpoints=checkpoints), bootstrap=300)
        for checkpoints in (False, True)
    )
    np.testing.assert_allclose(np.log10(many.interval), np.log10(few.interval), atol=1e-6)


@pytest.mark.slow
def test_the_distribution_repeats_with_the_seed_and_the_median_lies_in_the_interval():
    table = WORLD.table(0.01, 1)
    one, again, other = (find_crossing(table, bootstrap=100, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.log10_flops, again.log10_flops)
    assert (one.log10_flops != other.log10_flops).any()
    assert one.log10_flops.shape == (100,)
    assert one.interval[0] < one.median < one.interval[1]
    assert one.interval == again.interval
    # 2.9 decades beyond the budgets of L(C) the misfit of the laws widens it
    (low, high), (alone_low, alone_high) = one.interval, one.parameter_interval
    assert low < alone_low < alone_high < high
    further = {reading.law: reading.further for reading in one.readings}
    assert further == {"L(C)": True, "L(D)": False, "N(C)": None}


def test_without_misfit_the_search_gives_the_crossings_in_closed_form():
    """Draws that cross before the points, beyond them, never, from 1 FLOP on; one that was not fitted."""
    params = {
        "C_c": np.full(5, 1e20), "alpha_C": np.array([0.05, 0.05, 0.02, 0.05, 0.05]),
        "D_c": np.array([1e13, 1e8, 1e13, 1e40, 1e13]), "alpha_D": np.full(5, 0.06),
        "D_0": np.full(5, 1.0), "p": np.array([0.5, 0.5, 0.5, 0.5, np.nan]),
    }  # fmt: skip
    outlook = Outlook(0.0, Extrapolation(np.ones(1), np.ones(1), 1.0, {"C": (1e13, 1e17)}), 0.0, 0, 0, 0)
    exact, high = (LawMisfit(outlook, np.full(5, each)) for each in (0.0, 0.005))
    known = [log10_meeting(*laws[:3]) for laws in drawn_laws(params | {"N_0": params["p"], "q": params["p"]})]
    found = shifted_positions(params, {"L(C)": exact, "L(D)": exact}, 13.0)
    np.testing.assert_allclose(found, [*known, np.nan], atol=1e-6)
    assert shifted_positions(params, {"L(C)": high, "L(D)": exact}, 13.0)[1] > found[1]


def test_laws_that_never_cross_do_so_in_every_draw():
    found = find_crossing(PARALLEL.table(0.003, 0), bootstrap=200)
    assert found.p_none == 1
    assert "no crossing" in found.crossing.reason
    assert (found.median, found.interval, found.readings) == (None, (None, None), ())
    assert any("100% of the draws have no crossing" in warning for warning in found.warnings)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["log10_flops"] == [None] * 200


@pytest.mark.slow
def test_one_coherent_surface_read_by_two_laws_is_on_the_edge_of_no_crossing():
    """Kaplan's L(N, U) keeps its frontier and its floor in proportion: alpha_C = alpha_D p."""
    p = PUBLISHED["kaplan-nd"].params
    data = LossLaw(p["D_c"], p["alpha_D"])
    size, spend = p["alpha_N"] / p["alpha_D"], np.geomspace(1e17, 1e21, 9)
    tokens = Growth(1.0, size / (1 + size))
    rows = []
    for i, flops in enumerate(spend):
        n = np.geomspace(1e3, flops / 6e3, 20001)
        losses = KAPLAN_ND.predict(p, {"N": n, "U": flops / (6 * n)})
        best = n[losses.argmin()]
        rows.append((f"c{i}", best, flops / (6 * best), 1e15, flops, losses.min()))
        rows.append((f"u{i}", 1e12, 10 * 10**i, 10.0**i, 6e13 * 10**i, data.at(10.0**i)))
    table = pl.DataFrame(rows, schema=["run", "N", "E", "U", "C", "loss"], orient="row", strict=False)
    found = find_crossing(table, bootstrap=0)
    assert found.tokens.exponent == pytest.approx(tokens.exponent, rel=1e-2)
    assert found.compute.exponent == pytest.approx(found.data.exponent * found.tokens.exponent, rel=1e-2)


def test_ranges_say_how_far_outside_each_law_is_read():
    readings = {reading.law: reading for reading in find_crossing(WORLD.table(0.0, 0), bootstrap=0).readings}
    assert readings["L(C)"].decades == pytest.approx(3, abs=0.01)
    assert readings["L(D)"].decades == pytest.approx(math.log10(WORLD.tokens.at(1e20) / 1e9), abs=0.01)
    near = find_crossing(replace(WORLD, at=1e16).table(0.0, 0), bootstrap=0)
    assert near.readings[0].decades == 0
    assert not any("fitted range" in warning for warning in near.warnings)


def test_a_floor_still_falling_at_the_most_epochs_is_flagged():
    table = WORLD.table(0.0, 0)
    stopped = find_crossing(table.filter(pl.col("E") <= 8.01 * pl.col("U")), bootstrap=0)
    assert any("6 of 6 values of U" in w and "most epochs" in w for w in stopped.warnings)
    assert not any("most epochs" in w for w in find_crossing(table, bootstrap=0).warnings)


def test_the_learning_curve_is_no_law_of_data():
    once = WORLD.table(0.0, 0).filter(pl.col("E") < pl.col("U")).with_columns(U="E")
    with pytest.raises(FitError, match=r"every point is a single pass .* needs runs that read"):
        find_crossing(once)


def test_first_passes_at_a_u_that_nobody_read_again_are_left_out_of_the_floor():
    table = WORLD.table(0.0, 0)
    assert set(find_crossing(table, bootstrap=0).floor["U"]) == set(table.filter(pl.col("U") < 1e11)["U"])


@pytest.mark.parametrize(
    ("keep", "sentence"),
    [
        (pl.col("U") < 1e11, "frontier has 0 budgets"),
        ((pl.col("U") > 1e11) | (pl.col("U") < 2e6), "only 1 U has runs"),
    ],
)
def test_too_few_points_for_a_law_are_refused(keep, sentence):
    with pytest.raises(FitError, match=sentence):
        find_crossing(WORLD.table(0.0, 0).filter(keep))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"offset": "both"}, "offset='both'"),
        ({"bootstrap": 5}, "bootstrap=5"),
        ({"level": 1.0}, "level=1.0"),
        ({"seed": -1}, "seed=-1"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(options, sentence):
    with pytest.raises(FitError, match=sentence):
        find_crossing(WORLD.table(0.0, 0), **options)


def test_a_missing_column_and_a_loss_that_is_no_number_are_refused():
    with pytest.raises(PointsError, match="needs the column N"):
        find_crossing(WORLD.table(0.0, 0).drop("N"))
    with pytest.raises(FitError, match="every point is a single pass"):
        find_crossing(WORLD.table(0.0, 0).drop("U"))
    with pytest.raises(PointsError, match="column loss, row 1: nan is not a positive number"):
        find_crossing(WORLD.table(0.0, 0).with_columns(loss=math.nan))


@pytest.fixture(scope="module")
def noisy():
    return find_crossing(WORLD.table(0.01, 0), bootstrap=200)


@pytest.mark.slow
def test_the_figures_draw_both_laws_the_points_and_the_draws(noisy, tmp_path):
    chart = crossing_curves(noisy).to_dict()
    assert noisy.plot().to_dict()["title"] == chart["title"]
    assert noisy.table()["low"].to_list() == [noisy.interval[0], noisy.parameter_interval[0]]
    assert "L(C) meets L(D) at C* = " in noisy._repr_html_()
    assert len(chart["layer"]) == 5
    crossing_curves(noisy).save(tmp_path / "curves.png")
    crossing_histogram(noisy).save(tmp_path / "draws.png")
    assert all((tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in ("curves", "draws"))
    bars = next(data for data in crossing_histogram(noisy).to_dict()["datasets"].values() if len(data) > 1)
    assert sum(bar["draws"] for bar in bars) == np.isfinite(noisy.log10_flops).sum()


@pytest.mark.slow
def test_the_figures_of_no_crossing_and_of_no_draws_render(tmp_path):
    never = find_crossing(PARALLEL.table(0.003, 0), bootstrap=100)
    for name, chart in (
        ("a", crossing_curves(never)),
        ("b", crossing_histogram(never)),
        ("c", crossing_curves(find_crossing(WORLD.table(0.0, 0), bootstrap=0))),
    ):
        chart.save(tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.svg").stat().st_size > 1000


def run_command(path, **changed):
    console = Console(record=True, width=160)
    options = CrossingOptions(draws=BootstrapOptions(100, 0.9), **changed)
    found = cross_points(path, options, console)
    return found, console.export_text()


@pytest.mark.slow
def test_the_command_prints_the_convention_the_spread_and_the_ranges_and_writes_strict_json(tmp_path):
    WORLD.table(0.01, 0).write_csv(tmp_path / "points.csv")
    out = tmp_path / "crossing.json"
    found, printed = run_command(
        tmp_path / "points.csv", surface="kaplan-nd", output=OutputOptions(out, tmp_path / "figures")
    )
    assert isinstance(found.crossing, Crossing)
    for words in (
        "D = E on the measured one-epoch frontier",
        "90% of the draws",
        "decades outside",
        "C_merge",
    ):
        assert words in printed
    value = json.loads(out.read_text(), parse_constant=pytest.fail)
    assert value["crossing"]["flops"] == found.crossing.flops
    assert value["merge"]["law"] == "kaplan-nd"
    drawn = {
        f"{name}.{ending}" for name in ("crossing", "crossing-draws") for ending in ("svg", "pdf", "png")
    }
    assert {file.name for file in (tmp_path / "figures").iterdir()} == drawn


def test_without_points_the_command_prints_kaplans_two_conventions():
    found, printed = run_command(None)
    assert found is None
    assert "2e10 C^.27" in printed
    assert "4e10 C^.26" in printed
    assert len(published_table().rows) == 2


def test_budgets_too_close_together_carry_no_growth():
    fresh = pl.col("U") > 1e11
    close = pl.when(fresh).then(1e15 + pl.col("C") / 1e12).otherwise("C")
    one_size = pl.when(fresh).then(1e9).otherwise("N")  # of several, the best alone is at one budget
    with pytest.raises(FitError, match="too close together"):
        find_crossing(WORLD.table(0.0, 0).with_columns(C=close, N=one_size), bootstrap=0)
