"""The three sentences by which scaling laws are known, with our own span (docs/results.md)."""

import math

import polars as pl
from results_kaplan import FRESH, REPEATED
from results_reasons import WHY
from results_rows import RESULTS, ROOT, Row, command_of, fitted, of_fit, shown, span
from results_tables import DIFFERS, OPEN, judge

from quarry.analysis.laws.published import PUBLISHED
from quarry.text import number


def _straight() -> Row:
    """Whether the frontier is straight: the floor of a power of C with an offset."""
    offset = fitted(FRESH, "power-offset", x="C")
    value, ends = of_fit("L_inf", offset)
    return Row(
        "popular summary, 1",
        "straight power laws over seven orders of magnitude",
        "7 orders, no floor seen",
        f"a floor of {shown(value, ends)} nats per byte under L(C)",
        span(offset.points, ("C", "N", "E")),
        OPEN if ends[0] is None or ends[0] <= 0 else DIFFERS,
        WHY["seven"],
        command_of(FRESH, "power-offset", "--x C"),
    )


def _shape() -> Row:
    best = pl.read_csv(ROOT / RESULTS / "transfer/best.csv").filter(parametrization="standard")
    wide, deep = (
        best.filter(d_model=d, n_layers=layers).row(0, named=True) for d, layers in ((32, 2), (16, 8))
    )
    rise = deep["loss"] / wide["loss"] - 1
    sizes = f"{deep['n_nonembedding']:,} and {wide['n_nonembedding']:,} parameters"
    said = f"{rise:+.1%} for 8 layers of 16 features against 2 of 32, {sizes}"
    return Row(
        "popular summary, 2; Kaplan 2020, Fig. 5",
        "shape matters little at fixed N",
        "a few %; 3% for (6, 4288) against (48, 1600)",
        said,
        f"width / depth {math.log10(32 / 2 / (16 / 8)):.1f}, one N",
        OPEN,
        WHY["shape"],
        "quarry sweep transfer  # experiments/results/transfer/best.csv",
    )


def rows() -> list[Row]:
    """The three sentences by which the paper is known."""
    both = fitted(REPEATED, "kaplan-nd")
    value, ends = of_fit("data_for_8x_N", both)
    published = PUBLISHED["kaplan-nd"].law.derive(PUBLISHED["kaplan-nd"].params)["data_for_8x_N"]
    eight = Row(
        "popular summary, 3",
        "8 times the model needs 5 times the data",
        number(published, 3),
        shown(value, ends),
        span(both.points, ("N", "U")),
        judge(ends, published, rivals=(8.0,)),
        WHY["8x"],
        command_of(REPEATED, "kaplan-nd"),
    )
    return [_straight(), _shape(), eight]
