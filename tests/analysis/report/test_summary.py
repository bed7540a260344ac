"""The lede: takeovers between sizes that compete, and the law that predicts best with its misfit."""

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from quarry import fit, text
from quarry.analysis.points.curves import learning_curves
from quarry.analysis.points.runs import run_table, runs_of_record
from quarry.analysis.report.comparison import best_law, law_rows, why_not_best
from quarry.analysis.report.page import write_report
from quarry.analysis.report.summary import summarise
from quarry.analysis.report.takeover import best_sizes
from tests.analysis.quick import QUICK
from tests.analysis.synthetic_runs import write_run
from tests.conftest import ROOT

QUICKSTART = ROOT / "experiments" / "results" / "quickstart" / "points.parquet"


def curve(run: str, n: float, c: tuple[float, ...], loss: tuple[float, ...]) -> pl.DataFrame:
    return pl.DataFrame({"run": run, "N": n, "C": c, "loss": loss})


def test_a_size_that_was_evaluated_cheapest_does_not_win_where_it_has_no_rival():
    large = curve("large", 1e6, (1e9, 1e12, 1e14), (5.0, 3.0, 2.0))  # the cheapest evaluation of all
    small = curve("small", 1e5, (1e11, 1e13), (3.2, 2.8))
    first, last = best_sizes(pl.concat([large, small]))
    assert (first.c, first.n, first.sizes) == (1e11, 1e5, 2)
    assert (last.c, last.n, last.sizes) == (1e13, 1e6, 2)


def test_end_points_and_single_sizes_have_no_takeover():
    ends = [curve(f"r{i}", 10.0**i, (10.0 ** (6 + i),), (9.0 - i,)) for i in range(4)]
    assert best_sizes(pl.concat(ends)) is None
    assert best_sizes(curve("one", 1e6, (1e9, 1e12), (5.0, 3.0))) is None


def test_between_evaluations_the_loss_is_a_power_of_compute():
    one = curve("one", 1e5, (1e8, 1e12), (1e2, 1e0))
    two = curve("two", 1e6, (1e10, 1e13), (9.0, 0.5))  # the smaller has 10 at 1e10
    first, _ = best_sizes(pl.concat([one, two]))
    assert (first.c, first.n) == (1e10, 1e6)


@pytest.fixture(scope="module")
def fits() -> list:
    return [fit(QUICKSTART, law, bootstrap=0) for law in ("kaplan-n", "power-offset")]


def lede(fits: list) -> str:
    runs = pl.DataFrame({"N": [1.0, 2.0], "E": [1.0, 1.0], "U": [1.0, 1.0], "C": [6.0, 12.0]})
    runs = runs.with_columns(status=pl.lit("finished"), annealed=False, loss=2.0, run=pl.lit("r"))
    runs = runs.with_columns(trunk=pl.lit(None, pl.String))
    runs = runs.with_columns(bits_per_byte=pl.lit(None, pl.Float64), gzip=1.0, xz=1.0)
    return " ".join(summarise(runs, learning_curves(pl.read_parquet(QUICKSTART)), fits))


def test_the_headline_is_that_of_the_law_that_predicts_most_with_its_misfit(fits):
    said = lede(fits)  # both hold out one point, which ranks nothing: the smaller error, and no "best"
    assert "The law power-offset predicts the largest runs by a fit without them, to 1.19% (1 point)." in said
    assert "kaplan-n" not in said
    assert "Its largest miss is quickstart/n222k, 0.015 nats above the law." in said
    alone = lede(fits[:1])
    assert "The law kaplan-n predicts the largest runs by a fit without them, to 3.13% (1 point)." in alone
    assert "Its largest miss is quickstart/n6k, 0.046 nats above the law." in alone


def test_ten_times_the_largest_size_has_the_misfit_of_what_lies_beyond():
    found = fit(QUICKSTART, "power-offset", bootstrap=100)
    largest = float(found.points["N"].max())
    factor = found.predict({"N": 10 * largest}) / found.predict({"N": largest})
    low, high = re.search(
        r"by (?:0\.\d+) by this law \(95% interval: (\S+) to (\S+)\)", lede([found])
    ).groups()
    own = found.quantity(
        lambda p: found.law.predict(p, {"N": 10 * largest}) / found.law.predict(p, {"N": largest})
    )[1]
    assert float(low) < own[0] < factor < own[1] < float(high)


def test_laws_that_are_tested_on_different_points_say_so(fits, tmp_path):
    smaller = tmp_path / "smaller.parquet"  # without the sizes of one length, the largest run has branches
    pl.read_parquet(QUICKSTART).filter(pl.col("n_nonembedding") < 2e5).write_parquet(smaller)
    both = [fits[1], fit(smaller, QUICK, bootstrap=0)]
    assert "The law chinchilla predicts the largest of its own runs by a fit without them, to" in lede(both)
    assert "(4 points)" in lede(both)
    assert why_not_best(both).startswith("No law is called best: the laws are tested on different points")


def test_the_best_law_is_of_those_tested_on_the_same_points(fits):
    """A smaller error on one point of a law of N says nothing against four points of a law of N and E."""
    surface = fit(pl.read_parquet(QUICKSTART).filter(pl.col("n_nonembedding") < 2e5), QUICK, bootstrap=0)
    better = replace(surface, diagnostics=replace(surface.diagnostics, held_out_error=0.02))
    exact = replace(fits[1], diagnostics=replace(fits[1].diagnostics, held_out_error=1e-6))
    assert best_law([exact, surface, better]) is better
    assert [row["best"] for row in law_rows([exact, surface, better])] == [False, False, True]
    assert "Of 2 laws tested on the same runs chinchilla predicts the largest best" in lede([surface, better])
    assert best_law([exact, fits[0]]) is None
    assert why_not_best([exact, fits[0]]).endswith(
        "with fewer than 3 points held out none can be told to be better."
    )


def test_a_factor_that_the_runs_do_not_bound_is_no_headline(fits):
    assert "ten times the parameters" not in lede(fits)


def test_half_of_the_sizes_of_the_demo_compete_over_more_than_a_decade():
    first, last = best_sizes(learning_curves(pl.read_parquet(QUICKSTART)))
    assert (first.n, last.n) == (6288, 24_800)  # of 222 and 394 thousand alone the larger budget has another
    assert (first.sizes, last.sizes) == (4, 6)
    assert np.log10(last.c / first.c) == pytest.approx(1.204, abs=1e-3)


def test_the_compute_of_branches_is_not_that_of_their_trunks_again():
    runs = runs_of_record(pl.read_parquet(QUICKSTART))
    said = summarise(runs, learning_curves(pl.read_parquet(QUICKSTART)), [])[0]
    trunks = {6288: 12_424, 24_800: 3150, 55_600: 1405, 98_688: 787, 221_728: 787, 393_920: 787}
    spent = 6 * 512 * sum(size * steps for size, steps in trunks.items())
    assert said.startswith("6 runs and 10 branches of them, of 6 model sizes")
    assert f"for {text.power(spent)} FLOPs in all (6NE, without the cooldowns of branches)." in said
    alone = runs.filter(pl.col("trunk").is_not_null())
    assert summarise(alone, learning_curves(pl.read_parquet(QUICKSTART)), [])[0].startswith("10 runs of 4 ")


def test_the_runs_of_a_directory_say_whose_branches_they_are(tmp_path):
    for name, trunk in (("a", None), ("a-k1", "a")):
        write_run(tmp_path / "study" / name, n=1000, trunk=trunk)
    assert run_table(tmp_path)["trunk"].to_list() == [None, "a"]


def test_a_table_that_does_not_say_what_was_annealed_is_not_said_to_be(tmp_path):
    """One run of a table with its own C; no law can be fitted, so the page is cheap."""
    rows = [{"run": "r", "N": 1e6, "D": e, "C": 3e6 * e, "loss": 4 - e / 1e9} for e in (1e8, 2e8)]
    told = {}
    for name, table in (("unsaid", rows), ("said", [row | {"annealed": row["D"] > 1e8} for row in rows])):
        points = tmp_path / f"{name}.csv"
        pl.DataFrame(table).write_csv(points)
        page = write_report(points, points.with_suffix(".html"), bootstrap=0).read_text(encoding="utf-8")
        told[name] = " ".join(page.split())
    for words, unsaid in (
        ("no column annealed says which losses were measured after the learning rate had decayed", True),
        ("also where a run has several rows (1 run)", True),
        ("The lowest last loss of a run is 3.8000", True),
        ("fitted to the losses of the table", True),
        ("The lowest annealed validation loss is 3.8000", False),
        ("fitted to the annealed end points of the runs", False),
        ("It is of the annealed points alone", False),
        ("large dots: after the learning rate had decayed", False),
    ):
        assert [words in told["unsaid"], words in told["said"]] == [unsaid, not unsaid], words
    assert "FLOPs in all (by the table's column C, which is not 6NE)" in told["unsaid"].replace("&#39;", "'")


def test_flops_that_are_6ne_are_said_to_be(fits):
    assert "FLOPs in all (6NE)" in lede(fits[:1])
