"""Figures of a plan: the loss against N at a budget, and what limits the loss over N and U."""

from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.planning.optimum import best_tokens, find_optimum
from quarry.analysis.planning.regime import data_floor, split
from quarry.analysis.planning.surface import law_inputs
from quarry.analysis.report.figures.parts import axis, finished, y_axis
from quarry.analysis.report.figures.theme import INK

if TYPE_CHECKING:
    from quarry.analysis.planning.surface import Surface

_REACH, _SIZES = 30.0, 81
_MAP_SIZES, _MAP_UNIQUE = 40, 32
_COLOURS = {"data": "#3f7fd0", "model": "#c2670a", "epoch": "#2f8f5b", "mixed": "#808080"}


def planned_losses(
    surfaces: "list[Surface]", flops: float, unique_tokens: float | None = None
) -> alt.LayerChart:
    """The loss of each law against N for `flops`, with its band and a dot at the best N.

    Raises FitError where a law has no plan.
    """
    marks = pl.concat([_best(surface, flops, unique_tokens) for surface in surfaces])
    middle = float(np.exp(np.mean(np.log(marks["N"].to_numpy()))))
    sizes = np.geomspace(middle / _REACH, middle * _REACH, _SIZES)
    lines = pl.concat([_line(surface, sizes, flops, unique_tokens) for surface in surfaces])
    colour = alt.Color("law:N", title="law")
    base = _rows(lines).encode(
        x=alt.X("N:Q", **_axis(sizes, "N")),
        y=y_axis([*lines["loss"], *lines["low"].drop_nulls(), *lines["high"].drop_nulls()]),
        color=colour,
    )
    band = base.mark_area(opacity=0.15, clip=True).encode(y="low:Q", y2="high:Q", color=colour)
    dots = _rows(marks).mark_circle(size=130, opacity=1)
    dots = dots.encode(x="N:Q", y="loss:Q", color="law:N", tooltip=["law:N", "N:Q", "loss:Q"])
    title = f"The loss for {text.power(flops)} FLOPs against N"
    subtitle = f"dots: the best N; bands: the interval of the law; {_tokens_words(unique_tokens)}"
    return finished([band, base.mark_line(strokeWidth=2), dots], title, subtitle)


def _rows(table: pl.DataFrame) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=table.to_dicts()))


def _axis(values: np.ndarray, name: str) -> dict[str, Any]:
    return axis(values.tolist(), name, text.count)


def _tokens_words(unique_tokens: float | None) -> str:
    return "fresh tokens" if unique_tokens is None else f"{text.count(unique_tokens)} unique tokens"


def _best(surface: "Surface", flops: float, unique_tokens: float | None) -> pl.DataFrame:
    """law, N and loss at the best N."""
    n, tokens = find_optimum(surface, flops, unique_tokens)
    return pl.DataFrame({"law": surface.name, "N": n, "loss": float(surface.loss(n, tokens, unique_tokens))})


def _line(surface: "Surface", sizes: np.ndarray, flops: float, unique_tokens: float | None) -> pl.DataFrame:
    """law, N, loss, low and high of one law; the band is null where there are no draws."""
    tokens = best_tokens(surface, sizes, flops, unique_tokens)
    rows = []
    for n, e in zip(sizes.tolist(), tokens.tolist(), strict=True):
        loss = float(surface.loss(n, e, unique_tokens))
        at = law_inputs(surface.law, n, e, unique_tokens)
        (low, high), _ = surface.bands(lambda p, n=n, e=e: surface.loss(n, e, unique_tokens, p), at)
        rows.append({"law": surface.name, "N": n, "loss": loss, "low": low, "high": high})
    schema = {"law": pl.String(), **dict.fromkeys(("N", "loss", "low", "high"), pl.Float64())}
    return pl.DataFrame(rows, schema=schema)


def regime_map(surface: "Surface", flops: float) -> alt.LayerChart:
    """Which term of the reducible loss is more than half, over N and U with the budget spent.

    `mixed` if none is. The line is the best N for each U. Of a law that knows fresh tokens only, both end at
    E = U. Raises FitError.
    """
    n, tokens = find_optimum(surface, flops)
    sizes = np.geomspace(n / _REACH, n * _REACH, _MAP_SIZES)
    unique = np.geomspace(tokens / 300, tokens * 30, _MAP_UNIQUE)
    table = _regimes(surface, flops, sizes, unique)
    cells = _rows(table).mark_rect()
    cells = cells.encode(
        x=alt.X("left:Q", **_axis(sizes, "N")),
        x2="right:Q",
        y=alt.Y("low:Q", **_axis(unique, "U")),
        y2="high:Q",
        color=_regime_colour([name for name in _COLOURS if name in table["regime"]]),
    )
    line = _rows(_best_sizes(surface, flops, unique)).mark_line(color=INK, clip=True, order=False)
    line = line.encode(x="N:Q", y="U:Q")
    title = f"{surface.name}: what limits the loss for {text.power(flops)} FLOPs"
    return finished([cells, line], title, "line: the best N for each U", height=400)


def _regime_colour(order: list[str]) -> alt.Color:
    scale = alt.Scale(domain=order, range=[_COLOURS[name] for name in order])
    legend = alt.Legend(symbolType="square", symbolStrokeWidth=0)
    return alt.Color("regime:N", title="limited by", scale=scale, sort=order, legend=legend)


def _best_sizes(surface: "Surface", flops: float, unique: np.ndarray) -> pl.DataFrame:
    """U and its best N, where the law knows so many passes."""
    plans = [(u, *find_optimum(surface, flops, u)) for u in unique.tolist()]
    rows = [{"U": u, "N": n} for u, n, tokens in plans if not surface.first_pass or tokens <= u]
    return pl.DataFrame(rows, {"U": pl.Float64(), "N": pl.Float64()})


def _regimes(surface: "Surface", flops: float, sizes: np.ndarray, unique: np.ndarray) -> pl.DataFrame:
    """Cells with their edges in N and U, and the term that is more than half."""
    n, u = (grid.ravel() for grid in np.meshgrid(sizes, unique))
    tokens = flops / (6 * n)
    floor = np.repeat(data_floor(surface, surface.lanes(len(unique)), unique), len(sizes))
    terms, _ = split(surface, surface.lanes(len(n)), n, tokens, u, floor)
    half_n, half_u = (float(np.sqrt(grid[1] / grid[0])) for grid in (sizes, unique))
    edges = {"left": n / half_n, "right": n * half_n, "low": u / half_u, "high": u * half_u}
    table = pl.DataFrame({"N": n, "U": u, **edges, "regime": _labels(terms)})
    return table.filter(pl.Series(tokens <= u)) if surface.first_pass else table


def _labels(terms: dict[str, np.ndarray]) -> list[str]:
    """The name of the term that is more than half of all, for each cell."""
    names, values = list(terms), np.stack(list(terms.values()))
    share = values.max(axis=0) / values.sum(axis=0)
    return [names[i] if part > 0.5 else "mixed" for i, part in zip(values.argmax(axis=0), share, strict=True)]
