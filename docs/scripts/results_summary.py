"""The three sentences by which scaling laws are known, with our own span (docs/results.md)."""

import polars as pl
import scipy.special
from results_kaplan import FRESH, REPEATED
from results_reasons import WHY
from results_rows import RESULTS, ROOT, Row, command_of, fitted, of_fit, shown, span
from results_tables import AGREES, DIFFERS, OPEN, judge

from quarry.analysis.laws.published import PUBLISHED
from quarry.text import number

A_FEW = 0.05
"""What counts as a few percent."""

BASE_SEEDS = 3
"""The seeds of the base, whose spread is the error of every shape."""


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
    """The losses of other shapes against the base at one N: of usual depths and heads, and of others."""
    shapes = pl.read_csv(ROOT / RESULTS / "shape/shapes.csv").filter(pl.col("point") != "base")
    wide_heads = pl.col("d_model") / pl.col("n_heads") >= 8
    usual = shapes.filter(wide_heads, pl.col("n_layers").is_between(2, 8))["excess"].to_numpy()
    half = float(scipy.special.stdtrit(BASE_SEEDS - 1, 0.975)) * shapes["error"][0]
    one, many = (shapes.filter(n_layers=layers)["excess"][0] for layers in (1, 32))
    range_ = f"{usual.min():+.1%} to {usual.max():+.1%}"
    said = f"{range_} in {len(usual)} shapes of 2 to 8 layers and heads of 8 features or more"
    aspect = (pl.col("d_model") / pl.col("n_layers")).log10()
    return Row(
        "popular summary, 2; Kaplan 2020, Fig. 5",
        "shape matters little at fixed N",
        "a few %; 3% for (6, 4288) against (48, 1600)",
        f"{said}; {one:+.1%} with one layer, {many:+.1%} with 32",
        f"width / depth {shapes.select(aspect.max() - aspect.min()).item():.1f}, one N",
        _within(max(abs(usual)), half),
        WHY["shape"],
        "quarry sweep kaplan_shape  # docs/shape.md",
    )


def _within(most: float, half: float) -> str:
    """Whether the largest difference, with half its interval, is a few percent, more, or may be either."""
    if most + half <= A_FEW:
        return AGREES
    return DIFFERS if most - half > A_FEW else OPEN


def rows() -> list[Row]:
    """The three sentences by which the paper is known."""
    both = fitted(REPEATED, "kaplan-nd")
    value, ends = of_fit("data_for_8x_N", both)
    published = PUBLISHED["kaplan-nd"].law.derive(PUBLISHED["kaplan-nd"].params)["data_for_8x_N"]
    eight = Row(
        "popular summary, 3",
        "8 times the model needs 5 times the data",
        f"5; {number(published, 3)} by Table 2",
        shown(value, ends),
        span(both.points, ("N", "U")),
        judge(ends, published, rivals=(8.0,)),
        WHY["8x"],
        command_of(REPEATED, "kaplan-nd"),
    )
    return [_straight(), _shape(), eight]
