"""Figures of the study of epochs: efficiency, passes, learning curves above the floor, causes, regimes."""

from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import polars as pl

from quarry import text
from quarry.analysis.report.figures.epochs_sizes import best_losses, circuits_chart
from quarry.analysis.report.figures.inconsistency import curves_and_floor
from quarry.analysis.report.figures.parts import axis, colour, finished, sized
from quarry.analysis.report.figures.theme import INK, RAMP

if TYPE_CHECKING:
    from quarry.analysis.epochs.result import Epochs

REGIME_COLOURS = {"data": "#3f7fd0", "size": "#c2408c", "passes": "#9a7b1c", "mixed": "#808080"}


def epochs_charts(found: "Epochs") -> dict[str, alt.LayerChart]:
    """Every figure that the points allow, by name."""
    charts: dict[str, alt.LayerChart] = {
        f"efficiency-{text.count(u)}": efficiency(found, u) for u in unique_with_floor(found)
    }
    charts["passes"] = passes_map(found)
    if not found.first_pass.is_empty():
        charts["learning-curves"] = learning_curves(found)
    if not found.causes.is_empty():
        charts["causes"] = causes_chart(found)
    if not found.fixed_passes.is_empty():
        charts["worth-after-k"] = worth_after_passes(found)
    if not found.elasticities.is_empty():
        charts["regimes"] = regime_map(found)
    if not found.circuits.is_empty():
        charts["four-small"] = circuits_chart(found)
    charts["least-loss"] = best_losses(found)
    return charts


def unique_with_floor(found: "Epochs") -> list[float]:
    """The U whose floor is known, in order: of others nobody can say what was extracted."""
    return found.cells.drop_nulls("eta")["U"].unique().sort().to_list()


def efficiency(found: "Epochs", unique: float) -> alt.LayerChart:
    """The share of what U tokens hold that each size extracts, against its passes; bars are intervals."""
    rows = sized(found.cells.filter(pl.col("U") == unique).sort("N", "k"))
    shown = rows.select("N", "size", "k", "eta", "eta_low", "eta_high").to_dicts()
    tips = [alt.Tooltip(f"{name}:Q", format=".4~g") for name in ("N", "k", "eta", "eta_low", "eta_high")]
    base = alt.Chart(alt.InlineData(values=shown)).encode(
        x=alt.X("k:Q", **axis(rows["k"].to_list(), "k = E / U, passes", text.number)),
        color=colour(rows).title("N"),
        tooltip=tips,
    )
    y = alt.Y("eta:Q", title="(L_0 - L) / (L_0 - L*)", scale=alt.Scale(zero=False))
    layers = [base.mark_line(strokeWidth=2).encode(y=y), base.mark_circle(size=70, opacity=1).encode(y=y)]
    if rows["eta_low"].null_count() == 0:
        layers.append(base.mark_rule(strokeWidth=1.2).encode(y="eta_low:Q", y2="eta_high:Q"))
    title = f"Extracted of {text.count(unique)} unique tokens"
    return finished(layers, title, "annealed losses of one recipe; the floor is of the best recipes")


def passes_map(found: "Epochs") -> alt.LayerChart:
    """k_rho by N and U: the passes down to the criterion that decides the claims."""
    criterion = found.passes["criterion"][0]
    rows = [
        _place(row) | {"k": row["k"], "label": text.SIGNS[row["censored"]] + text.number(row["k"], 2)}
        for row in found.passes.filter(pl.col("criterion") == criterion).iter_rows(named=True)
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("U:O", title="U, unique tokens", sort=_by("of_u")),
        y=alt.Y("N:O", title="N, parameters", sort=_by("of_n", "descending")),
    )
    squares = base.mark_rect().encode(
        color=alt.Color("k:Q", title="passes", scale=alt.Scale(range=RAMP, type="log"))
    )
    words = base.mark_text(fontSize=13, color="black").encode(text="label:N")
    backs = base.mark_rect(width=52, height=20, color="white", opacity=0.75, cornerRadius=4)
    return finished(
        [squares, backs, words],
        f"Passes to {criterion}",
        "of the best recipe; > and < where the runs end",
        260,
    )


def learning_curves(found: "Epochs") -> alt.LayerChart:
    """First passes, annealed, against L*(U) at U = E (Henighan et al. 2020, Figure 14)."""
    curves = found.first_pass.with_columns(run=pl.col("N").cast(pl.String), annealed=pl.lit(True))
    floor = found.floors.select("U", loss="floor").drop_nulls()
    return curves_and_floor(
        curves, floor, "one pass over fresh tokens, after its cooldown; dashed: L*(U) at U = E"
    )


def causes_chart(found: "Epochs") -> alt.LayerChart:
    """The 2 x 2: does the excess after one pass fall with N, and does r_inf, as trained and with remedies?"""
    rows = [
        {"U": text.count(row["U"]), "first": row["first"], "slope": row[name], "recipe": recipe}
        for row in found.causes.iter_rows(named=True)
        for name, recipe in (("plain", "one recipe"), ("tuned", "best of the recipes"))
    ]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("first:Q", title="d ln(excess after one pass) / d ln N", scale=alt.Scale(padding=14)),
        y=alt.Y("slope:Q", title="d ln r_inf / d ln N: below, worth less", scale=alt.Scale(padding=14)),
    )
    dots = base.mark_point(size=90, filled=True).encode(
        color=alt.Color("U:N", title="U", sort=None),
        shape=alt.Shape("recipe:N", title="r_inf of"),
        tooltip=["U:N", "slope:Q"],
    )
    ties = base.mark_line(strokeWidth=1, strokeDash=[3, 3]).encode(color=alt.Color("U:N", sort=None))
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=INK, strokeDash=[5, 4])
    layers = [zero.encode(x=alt.datum(0.0)), zero.encode(y=alt.datum(0.0)), ties, dots]
    subtitle = (
        "where the dot of the best recipes is higher, regularisation restores part of the value of repeats"
    )
    return finished(layers, "First pass and worth of repeats, by size", subtitle)


def worth_after_passes(found: "Epochs") -> alt.LayerChart:
    """How the worth of k passes changes with size: d ln r / d ln N against k, by U; bars are intervals."""
    table = found.fixed_passes.filter(recipe="plain").sort("U", "k")
    rows = [row | {"U": text.count(row["U"])} for row in table.iter_rows(named=True)]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X("k:Q", **axis(table["k"].to_list(), "k, passes", text.number)),
        color=alt.Color("U:N", title="U", sort=None),
        tooltip=["U:N", "k:Q", "slope:Q", "slope_low:Q", "slope_high:Q", "sizes:Q"],
    )
    y = alt.Y("slope:Q", title="d ln r / d ln N: below 0, worth less to larger N")
    layers = [base.mark_line(strokeWidth=2).encode(y=y), base.mark_circle(size=70, opacity=1).encode(y=y)]
    if table["slope_low"].null_count() == 0:
        layers.append(base.mark_rule(strokeWidth=1.2).encode(y="slope_low:Q", y2="slope_high:Q"))
    return finished(layers, "Worth of k passes in fresh tokens, by size", "one recipe, annealed losses")


def regime_map(found: "Epochs") -> alt.LayerChart:
    """What lowers the loss most, by N and U; within each U a column for each k."""
    names = ("k", "regime", "gain_N", "gain_U", "gain_k")
    rows = [
        _place(row) | {name: row[name] for name in names} for row in found.elasticities.iter_rows(named=True)
    ]
    scale = alt.Scale(domain=list(REGIME_COLOURS), range=list(REGIME_COLOURS.values()))
    squares = alt.Chart(alt.InlineData(values=rows)).mark_rect(stroke="white", strokeWidth=1).encode(
        x=alt.X("U:O", title="U, unique tokens; k rises within each", sort=_by("of_u")),
        xOffset=alt.XOffset("k:O"),
        y=alt.Y("N:O", title="N, parameters", sort=_by("of_n", "descending")),
        color=alt.Color("regime:N", scale=scale, title="more of", legend=alt.Legend(symbolType="square")),
        tooltip=["N:O", "U:O", "k:Q", "regime:N", "gain_N:Q", "gain_U:Q", "gain_k:Q"],
    )  # fmt: skip
    title = "What lowers the loss most, at equal compute"
    return finished(
        [squares], title, "the largest of the three elasticities in 97.5% of draws, else mixed", 260
    )


def _place(row: dict[str, Any]) -> dict[str, Any]:
    """N and U of a row in words, and the numbers by which they are sorted."""
    return {"N": text.count(row["N"]), "U": text.count(row["U"]), "of_n": row["N"], "of_u": row["U"]}


def _by(field: str, order: Literal["ascending", "descending"] = "ascending") -> alt.EncodingSortField:
    return alt.EncodingSortField(field, op="min", order=order)
