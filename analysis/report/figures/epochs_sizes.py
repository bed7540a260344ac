"""Figures of the study of epochs by size: passes needed, least losses, four small runs beside a larger."""

from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl

from quarry import text
from quarry.analysis.report.figures.parts import axis, finished

if TYPE_CHECKING:
    from quarry.analysis.epochs.result import Epochs


def passes_by_size(found: "Epochs") -> alt.LayerChart:
    """k_rho against N, by U: to the floor, where a size reaches it, its law, and to the size's own best.

    Those to the common floor come down with N, those to a size's own best do not. The law through the passes
    to the floor is drawn over all sizes, as far as there are measured passes.
    """
    floor, own = (found.passes["criterion"][place] for place in (0, -1))
    reached = pl.col("censored").is_null() & pl.col("k").is_not_null()
    most = found.passes.filter(reached)["k"].max()
    drawn = [
        found.passes.filter(reached, criterion=floor).with_columns(to=pl.lit("the floor")),
        found.passes.filter(criterion=floor).with_columns(to=pl.lit("the floor, by law"), k="k_law"),
        found.passes.filter(reached, criterion=own).with_columns(to=pl.lit("its own best")),
    ]
    rows = [
        {"N": row["N"], "U": text.count(row["U"]), "k": row["k"], "to": row["to"]}
        for row in pl.concat(drawn).drop_nulls("k").filter(pl.col("k") <= most).iter_rows(named=True)
    ]
    return lines(
        rows, ("N", "N, parameters"), ("k", "passes"), "to", "Passes to the floor and to one's own best"
    )


def best_losses(found: "Epochs") -> alt.LayerChart:
    """The least loss over k against N: one recipe, the best of the recipes, and four averaged of N / 4."""
    plain = found.cells.group_by("N", "U").agg(pl.col("loss").min()).with_columns(of=pl.lit("one recipe"))
    tuned = found.recipes.group_by("N", "U").agg(pl.col("loss").min()).with_columns(of=pl.lit("best recipe"))
    four = found.circuits.group_by("N", "U").agg(loss=pl.col("averaged").min())
    four = four.with_columns(of=pl.lit("four averaged, N / 4 each"))
    table = pl.concat([each.select("N", "U", "loss", "of") for each in (plain, tuned, four)])
    table = table.join(four.select("U").unique(), on="U", how="semi") if len(four) else table
    rows = [row | {"U": text.count(row["U"])} for row in table.sort("of", "U", "N").iter_rows(named=True)]
    return lines(rows, ("N", "N, parameters"), ("loss", "least loss, nats per token"), "of", "The least loss")


def circuits_chart(found: "Epochs") -> alt.LayerChart:
    """One small run, four of them averaged, and one of four times the parameters, against the passes."""
    names = {"one": "one of n", "averaged": "four of n, averaged", "larger": "one of 4 n"}
    small = found.circuits.filter(pl.col("n") == pl.col("n").min())
    rows = [
        {"k": row["k"], "U": text.count(row["U"]), "loss": row[name], "of": of}
        for row in small.iter_rows(named=True)
        for name, of in names.items()
    ]
    title = f"Four of {text.count(small['n'][0])} parameters beside one of {text.count(small['N'][0])}"
    return lines(rows, ("k", "k, passes"), ("loss", "loss, nats per token"), "of", title)


def lines(
    rows: list[dict[str, Any]], x: tuple[str, str], y: tuple[str, str], dash: str, title: str
) -> alt.LayerChart:
    """Lines of one colour for each U, dashed by `dash`."""
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        x=alt.X(f"{x[0]}:Q", **axis([row[x[0]] for row in rows], x[1], text.count)),
        y=alt.Y(f"{y[0]}:Q", title=y[1], scale=alt.Scale(zero=False)),
        color=alt.Color("U:N", title="U", sort=None),
        tooltip=[f"{x[0]}:Q", f"{y[0]}:Q", "U:N", f"{dash}:N"],
    )
    drawn = base.mark_line(strokeWidth=2).encode(
        strokeDash=alt.StrokeDash(f"{dash}:N", title=dash, sort=None)
    )
    return finished([drawn, base.mark_circle(size=60, opacity=1)], title, "annealed losses")
