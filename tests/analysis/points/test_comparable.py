"""Points that count as alike though more than their seeds differ, in every command that averages them."""

import numpy as np
import polars as pl
import pytest

from quarry.analysis.allocation.isoflop import fit_isoflop
from quarry.analysis.crossing.measured import find_crossing
from quarry.analysis.points.comparable import average_warnings, text_warnings

CELL = ["N", "E"]


def rows(**columns) -> pl.DataFrame:
    return pl.DataFrame({"N": [1e6, 1e6, 2e6, 2e6], "E": [1e9] * 4, "U": [1e9] * 4} | columns)


def test_settings_and_passes_that_differ_within_a_mean_are_named():
    assert average_warnings(rows(), CELL, "one N and E") == []
    assert average_warnings(rows(U=[1e9, 2e9, 1e9, 4e9]), CELL, "one N and E") == []  # fresh either way
    assert average_warnings(rows(lr=[1e-3, 1e-3, 2e-3, 2e-3]), CELL, "one N and E") == []
    (said,) = average_warnings(rows(lr=[1e-3, 2e-3] * 2, U=[1e9, 1e9, 1e9, 2.5e8]), CELL, "one N and E")
    assert said.startswith(
        "runs of one N and E differ in lr (2 values) and passes over their data: their mean"
    )


def test_several_texts_are_named():
    assert text_warnings(rows(corpus=["sotu"] * 4)) == []
    assert text_warnings(rows(corpus=["sotu", "stdlib"] * 2, tokenizer=["bytes"] * 4)) == [
        "the points differ in corpus: their losses per token are not comparable"
    ]


def isoflop(table):
    return fit_isoflop(table, bootstrap=0).trend.warnings


def crossing(table):
    return find_crossing(table, bootstrap=0).warnings


def ladder(repeats=1.0) -> pl.DataFrame:
    """Seven sizes at each of three budgets, twice: fresh, and with each token read `repeats` times."""
    flops, size = (axis.ravel() for axis in np.meshgrid([1e13, 1e14, 1e15], np.geomspace(0.2, 5, 7)))
    n = size * np.sqrt(flops / 120)
    tokens = flops / (6 * n)
    loss = 1.8 + 400 / n**0.34 + 400 / tokens**0.34
    once = pl.DataFrame({"N": n, "E": tokens, "U": tokens, "C": flops, "loss": loss})
    return pl.concat([once, once.with_columns(U=pl.col("U") / repeats, loss=pl.col("loss") * 1.01)])


@pytest.mark.parametrize("command", [isoflop, crossing])
def test_a_command_that_averages_says_what_it_averages(command):
    table = ladder(repeats=4.0)
    table = table.with_columns(pl.Series("corpus", ["sotu", "stdlib"] * (len(table) // 2)))
    said = " ".join(command(pl.concat([table.with_columns(lr=1e-3), table.with_columns(lr=2e-3)])))
    assert "the points differ in corpus: their losses per token are not comparable" in said
    assert "lr (2 values)" in said


def test_seeds_alone_are_no_difference():
    assert not any("differ in" in said for said in isoflop(ladder()))
