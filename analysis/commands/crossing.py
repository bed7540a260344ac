"""`quarry crossing`: where L(C) and L(D) cross, printed with its convention and its spread."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from quarry import text
from quarry.analysis.commands.figures import save_charts
from quarry.analysis.commands.fit import print_warnings, write_result
from quarry.analysis.crossing.known_laws import CONVENTIONS, Crossing, NoCrossing, published_crossings
from quarry.analysis.crossing.measured import CrossingResult, find_crossing
from quarry.analysis.crossing.merge import Merge, find_merge
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws.published import PF_DAY
from quarry.analysis.points.loading import load_points
from quarry.errors import FitError


def crossing_command(
    path: Path | None,
    *,
    count: str,
    split: str,
    annealed_only: bool,
    exclude: Sequence[str],
    offset: str,
    surface: str | None,
    eps: float,
    bootstrap: int,
    seed: int,
    level: float,
    output: Path | None,
    figures: Path | None,
    console: Console,
) -> CrossingResult | None:
    """Print the crossing of the points at `path`, or without points Kaplan's, under both of his conventions.

    With `surface`, the name of a law, also where that law's own frontier merges with its floor to within
    `eps`. JSON and figures if asked. Raises PointsError, FitError, LawError, RecordError.
    """
    if path is None:
        if output is not None or figures is not None:
            raise FitError("--json and --figures need points")
        console.print(published_table())
        return None
    points = load_points(path, count, split, annealed_only).exclude(exclude)
    found = find_crossing(points, offset=offset, bootstrap=bootstrap, seed=seed, level=level)
    console.print(crossing_table(found), law_table(found), reading_table(found))
    print_warnings(found.warnings, console)
    merged = None
    if surface is not None:
        merged = find_merge(fit(points, surface, bootstrap=bootstrap, seed=seed), eps=eps, level=level)
        console.print(merge_table(merged))
    if output is not None:
        write_result(found.to_json() | {"merge": merged.to_json() if merged else None}, output)
    if figures is not None:
        save_figures(found, figures)
    return found


def published_table() -> Table:
    """Kaplan's crossing under each convention: they differ tenfold, and neither is averaged."""
    headings = ("convention", "C*, FLOPs", "C*, PF-days", "L*", "D*", "N*", "source")
    table = Table(*headings, title="Kaplan et al. 2020: L(C_min) meets L(D(C_min))", box=None)
    for name, found in published_crossings().items():
        table.add_row(name, *_numbers(found), CONVENTIONS[name].source)
    return table


def _numbers(found: Crossing | NoCrossing) -> tuple[str, ...]:
    if isinstance(found, NoCrossing):
        return (found.reason, *[text.MISSING] * 4)
    return (
        text.power(found.flops, 3),
        text.number(found.flops / PF_DAY, 2),
        text.number(found.loss),
        text.count(found.tokens),
        text.count(found.n),
    )


def crossing_table(found: CrossingResult) -> Table:
    """C*, its spread over the draws, and the chance that there is none."""
    table = Table("quantity", "value", title="where L(C) falls below L(D(C))", box=None)
    at = found.crossing
    if isinstance(at, NoCrossing):
        table.add_row("crossing", at.reason)
    else:
        names = ("C*, FLOPs", "C*, PF-days", "L*, nats per token", "D*, tokens", "N*, parameters")
        for name, value in zip(names, _numbers(at), strict=True):
            table.add_row(name, value)
    table.add_row("convention", found.convention)
    table.add_row("irreducible loss", found.offset)
    table.add_row("median C* of the draws, FLOPs", text.power(found.median, 3))
    table.add_row(f"{found.level:.0%} of the draws, FLOPs", _between(found.interval))
    table.add_row("draws without a crossing", _percent(found.p_none))
    table.add_row("draws not fitted", _percent(found.p_unfitted))
    return table


def law_table(found: CrossingResult) -> Table:
    """The three fitted laws; alpha_C against alpha_D p decides whether there is a crossing."""
    headings = ("law", "scale", "exponent", "L_inf", "points")
    table = Table(*headings, title="the laws, each fitted alone", box=None)
    laws = (("L(C) = L_inf + (C_c/C)^α", found.compute), ("L(D) = L_inf + (D_c/D)^α", found.data))
    for (name, law), used in zip(laws, (found.frontier, found.floor), strict=True):
        offset = text.MISSING if found.offset == "none" else text.number(law.offset)
        table.add_row(name, text.power(law.scale, 3), text.number(law.exponent, 3), offset, str(len(used)))
    for name, growth in (("D(C) = D_0 C^p", found.tokens), ("N(C) = N_0 C^q", found.sizes)):
        row = (text.power(growth.scale, 3), text.number(growth.exponent, 3))
        table.add_row(name, *row, text.MISSING, str(len(found.frontier)))
    return table


def reading_table(found: CrossingResult) -> Table:
    """Where each law is read at the crossing, and how far outside what was fitted."""
    headings = ("law", "fitted from", "to", "read at", "decades outside")
    table = Table(*headings, title="read at the crossing", box=None)
    for reading in found.readings:
        ends = (text.power(value) for value in (reading.low, reading.high, reading.at))
        table.add_row(reading.law, *ends, f"{reading.decades:+.1f}" if reading.decades else "inside")
    return table


def merge_table(found: Merge) -> Table:
    """Where one surface's frontier meets its own floor."""
    title = f"{found.law}: one surface cannot cross its floor; does its frontier merge with it?"
    table = Table("quantity", "value", title=title, box=None)
    table.add_row("C_merge, FLOPs", text.power(found.flops, 3))
    table.add_row("in words", found.reason)
    table.add_row(f"{found.level:.0%} of the draws, FLOPs", _between(found.interval))
    table.add_row("draws that never merge", _percent(found.p_never))
    return table


def _between(ends: tuple[float | None, float | None]) -> str:
    low, high = (text.power(end) for end in ends)
    if ends == (None, None):
        return text.UNBOUNDED
    return f"{low} to {high}" if None not in ends else text.interval(ends, 2)


def _percent(share: float | None) -> str:
    return text.MISSING if share is None else f"{text.number(100 * share, 2)}%"


def save_figures(found: CrossingResult, folder: Path) -> None:
    """The figures of a crossing as SVG files in `folder`. Raises RecordError."""
    from quarry.analysis.report.figures.crossing import crossing_curves, crossing_histogram

    charts = {"crossing": crossing_curves(found)}
    if found.draws:
        charts["crossing-draws"] = crossing_histogram(found)
    save_charts(charts, folder)
