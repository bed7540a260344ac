"""Tables of other people's runs of known laws: uneven passes, few passes, few sizes, copies of rows."""

import itertools

import numpy as np
import polars as pl
import pytest

from quarry.analysis.commands.epochs import print_choices
from quarry.analysis.epochs.cells import numeric_points
from quarry.analysis.epochs.choices import table_of_choices
from quarry.analysis.epochs.study import study_epochs
from quarry.console import make_console
from tests.analysis.epochs.one_law import one_law

SIZES, UNIQUE, PASSES = (2e7, 5e7, 1.2e8, 3e8, 8e8), (1e8, 4e8, 1.6e9), (1, 2, 4, 8, 16, 32, 64)
MOST = dict(zip(SIZES, (64, 32, 16, 8, 4), strict=True))
L_0 = 7.5


def fresh_loss(n, tokens):
    return 1.7 + 400 / n**0.34 + 410 / tokens**0.28


def table(most=None, seeds=2, noise=0.004, sizes=SIZES, passes=PASSES, once=True) -> pl.DataFrame:
    """A repeated token is worth a fresh one to every size; `most` limits the passes of each size."""
    random = np.random.default_rng(0)
    cells = [
        (n, u, k)
        for n, u, k in itertools.product(sizes, UNIQUE, passes)
        if most is None or k <= most[n]
        for _ in range(seeds)
    ]
    cells += [(n, u, 1) for n in sizes for u in (8e8, 6.4e9, 2.5e10, 1e11) if once]
    rows = [
        {"N": n, "U": u, "D": k * u, "loss": fresh_loss(n, k * u) * np.exp(noise * random.standard_normal())}
        for n, u, k in cells
    ]
    return pl.DataFrame(rows)


def study(points, bootstrap=100, entropy=L_0):
    with one_law():
        return study_epochs(points, entropy, bootstrap=bootstrap)


@pytest.fixture(scope="module")
def uneven():
    """The larger the size, the fewer passes were trained."""
    return study(table(MOST))


def test_fewer_passes_of_larger_sizes_are_no_fall_of_what_repeats_are_worth(uneven):
    reuse = uneven.reuse.filter(U=1e8).sort("N")
    assert reuse["k_opt"].to_list() == list(MOST.values())
    assert reuse["censored"].to_list() == [None, *4 * ["right"]]
    assert uneven.verdicts[3].holds != "yes"
    assert uneven.shares.is_empty()


def test_as_many_passes_of_every_size_are_compared():
    """Beyond them nothing is known of any size."""
    assert study(table(passes=(1, 2, 4, 8)), 0).reuse["censored"].null_count() == 15


def test_passes_that_differ_by_unique_tokens_are_said_to_be_in_the_exponent_of_u():
    points = table().filter((pl.col("U") < 1e9) | (pl.col("D") < 5 * pl.col("U")))
    assert any("the worth of 4 to 64 passes by U" in each for each in study(points, 0).warnings)
    assert not any("passes by U" in each for each in study(table(), 0).warnings)


def test_what_no_floor_leaves_open_is_said():
    found = study(table(passes=(1, 2, 4)))
    assert [verdict.holds for verdict in found.verdicts[:3]] == ["not measured"] * 3
    assert all("no U has a floor: that takes a size trained for 8" in v.cells for v in found.verdicts[:3])
    assert any("floor for N to infinity, and there are 0" in each for each in found.warnings)


def test_a_floor_that_the_first_pass_reaches_is_not_called_too_few_that_reach_it():
    """Repeats are worth nothing, so that every size ends where its first pass did."""
    points = table(sizes=(3e8, 8e8, 2e9, 5e9))
    once = pl.col("D").clip(upper_bound=pl.col("U"))
    points = points.with_columns(loss=1.7 + 400 / pl.col("N") ** 0.34 + 410 / once**0.28)
    verdict = study(points, 0).verdicts[0]
    assert verdict.holds == "not measured"
    assert (
        "only 0 of 12 cells (N, U) show the passes to 10% above the floor: 7 come there by the first k"
        in (verdict.cells)
    )


def of_own_tokens(ratio) -> pl.DataFrame:
    """Each size on its own U = ratio N alone, and on fresh tokens."""
    rows = [(n, ratio * n, k * ratio * n) for n in SIZES for k in PASSES for _ in range(2)]
    rows += [(n, e, e) for n in SIZES for e in np.geomspace(5e8, 5e11, 6)]
    noise = np.exp(0.004 * np.random.default_rng(0).standard_normal(len(rows)))
    points = pl.DataFrame(rows, schema=["N", "U", "D"], orient="row")
    return points.with_columns(loss=fresh_loss(pl.col("N"), pl.col("D")) * noise)


def test_the_least_loss_of_one_size_is_no_floor_that_it_reaches_in_one_pass():
    """So many tokens that more passes give no size much."""
    found = study(of_own_tokens(3000))
    assert (found.passes.filter(criterion="10% above the floor")["censored"] == "left").all()
    assert found.verdicts[1].holds != "yes"
    assert any("at 5 of 5 U the floor is the least loss trained" in each for each in found.warnings)


def test_a_floor_of_sizes_cut_short_is_none_that_they_reach_in_one_pass():
    """The largest have two passes, and are within 10% of their second after the first."""
    sizes = (5e7, 4e9, 8e9, 1.6e10, 3.2e10)
    points = table(dict(zip(sizes, (64, 2, 2, 2, 2), strict=True)), sizes=sizes, once=False)
    found = study(points.filter(U=4e8))
    first = found.passes.filter(criterion="10% above the floor", N=3.2e10)
    assert (first["censored"] == "left").all()
    assert found.verdicts[1].holds != "yes"


def test_sizes_and_tokens_that_grow_together_are_said_to():
    found = study(of_own_tokens(5))
    words = "N and U do not vary apart among the 5 of 5 cells (N, U) that show it"
    assert words in found.verdicts[3].cells
    assert "do not vary apart" in found.verdicts[0].cells


def test_no_law_that_the_cells_do_not_bear_counts():
    """Repeats are worth as much as fresh tokens: no size trained comes near a floor, and none is named."""
    found = study(table())
    unfitted = found.answers.filter(pl.col("law").str.starts_with("k "), statement="one pass")
    assert len(unfitted)
    assert not unfitted["counts"].any()
    assert unfitted["objection"].str.contains("too few for it").all()


def test_noise_says_which_of_its_parts_were_measured(uneven):
    assert uneven.noise.told == ("run",)
    assert "draw of 1M tokens not measured, run and branch together 0.00" in uneven.noise.words


def test_copies_of_rows_and_an_entropy_below_the_losses_are_told():
    points = table(sizes=SIZES[:3])
    told = study(pl.concat([points, points]), 0, entropy=1.9).warnings
    assert any(f"{len(points)} rows repeat others exactly" in each for each in told)
    assert any("L_0 = 1.9 nats per token is not above the least loss" in each for each in told)
    assert not any("repeat others" in each or "L_0" in each for each in study(points, 0).warnings)


def test_one_recipe_is_told_once():
    """Without another the best recipe is the plain one."""
    words = study(table(), 0).verdicts[3].words
    assert "plain at 100M" in words
    assert "tuned at" not in words


def test_two_sizes_do_not_fit_kaplans_form():
    found = study(table(sizes=SIZES[:2]), 0).sample_efficiency
    assert found["gamma"].null_count() == 0
    assert found["kaplan"].null_count() == len(found)


def test_a_table_of_choices_without_an_admissible_one_says_why(capsys):
    choices = table_of_choices(numeric_points(table(seeds=1)), None, None, workers=1)
    print_choices(choices, make_console())
    printed = " ".join(capsys.readouterr().out.split())
    assert "no admissible choice for claim 1, 2, 3, 4: no cell has two runs" in printed
