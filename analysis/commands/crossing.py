"""`quarry crossing`: where L(C) and L(D) cross, printed with its convention and its spread."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.table import Table
from tyro.conf import Positional

from quarry import text
from quarry.analysis.commands.figures import save_charts
from quarry.analysis.commands.options import BootstrapOptions, MidSchedule, OutputOptions, ReadingOptions
from quarry.analysis.commands.printing import print_warnings, write_result
from quarry.analysis.commands.reading import read_points
from quarry.analysis.crossing.known_laws import CONVENTIONS, Crossing, NoCrossing, published_crossings
from quarry.analysis.crossing.law_draws import OFFSETS
from quarry.analysis.crossing.measured import find_crossing
from quarry.analysis.crossing.merge import Merge, find_merge
from quarry.analysis.crossing.result import CrossingResult
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws.published import PF_DAY
from quarry.console import TitledTable, make_console
from quarry.errors import DONE, FitError
from quarry.options import Flat, choice


@dataclass(frozen=True)
class CrossingOptions:
    """How the crossing is measured."""

    offset: Annotated[str, choice(OFFSETS)] = "none"
    """L(C) and L(D) without irreducible loss, with a shared one, or with one each."""
    surface: str | None = None
    """Also fit this law, and report the C from which its frontier comes within eps of its data floor."""
    eps: float = 0.05
    """That distance, as a fraction of the reducible loss of the floor."""
    mid_schedule: MidSchedule = False
    reading: Annotated[ReadingOptions, Flat] = ReadingOptions()
    draws: Annotated[BootstrapOptions, Flat] = BootstrapOptions(1000, 0.9)
    output: Annotated[OutputOptions, Flat] = OutputOptions()


def command(
    points: Positional[Path | None] = None,
    options: Annotated[CrossingOptions, Flat] = CrossingOptions(),
) -> int:
    """Where L(C) meets L(D): the crossing with its whole distribution, and the merge on one surface.

    Args:
        points: A directory of runs, or a table with N, E, U and loss; without it Kaplan's constants.
    """
    cross_points(points, options, make_console())
    return DONE


def cross_points(path: Path | None, options: CrossingOptions, console: Console) -> CrossingResult | None:
    """Print the crossing of the points at `path`, or without points Kaplan's, under both of his conventions.

    With `options.surface`, the name of a law, also where that law's own frontier merges with its floor. JSON
    and figures if asked. Raises PointsError, FitError, LawError, RecordError.
    """
    output, reading, draws = options.output, options.reading, options.draws
    if path is None:
        if output.json is not None or output.figures is not None:
            raise FitError("--json and --figures need points")
        console.print(published_table())
        return None
    points = read_points(path, reading, mid_schedule=options.mid_schedule)
    result = find_crossing(points, offset=options.offset, **vars(draws))
    console.print(crossing_table(result), law_table(result), reading_table(result))
    print_warnings(result.warnings, console)
    merged = None
    if options.surface is not None:
        fitted = fit(points, options.surface, bootstrap=draws.bootstrap, seed=draws.seed)
        merged = find_merge(fitted, eps=options.eps, level=draws.level)
        console.print(merge_table(merged))
        print_warnings([f"of the surface: {each}" for each in merged.warnings], console)
    if output.json is not None:
        write_result(result.to_json() | {"merge": merged.to_json() if merged else None}, output.json)
    if output.figures is not None:
        save_figures(result, output.figures)
    return result


def published_table() -> Table:
    """Kaplan's crossing under each convention: they differ tenfold, and neither is averaged."""
    headings = ("convention", "C*, FLOPs", "C*, PF-days", "L*", "D*", "N*", "source")
    table = TitledTable(*headings, title="Kaplan et al. 2020: L(C_min) meets L(D(C_min))")
    for name, crossing in published_crossings().items():
        table.add_row(name, *_numbers(crossing), CONVENTIONS[name].source)
    return table


def _numbers(crossing: Crossing | NoCrossing) -> tuple[str, ...]:
    if isinstance(crossing, NoCrossing):
        return (crossing.reason, *[text.MISSING] * 4)
    return (
        text.power(crossing.flops, 3),
        text.number(crossing.flops / PF_DAY, 2),
        text.number(crossing.loss),
        text.count(crossing.tokens),
        text.count(crossing.n),
    )


def crossing_table(result: CrossingResult) -> Table:
    """C*, its spread over the draws, and the chance that there is none."""
    table = TitledTable("quantity", "value", title="where L(C) falls below L(D(C))")
    at = result.crossing
    if isinstance(at, NoCrossing):
        table.add_row("crossing", at.reason)
    else:
        names = ("C*, FLOPs", "C*, PF-days", "L*, nats per token", "D*, tokens", "N*, parameters")
        for name, value in zip(names, _numbers(at), strict=True):
            table.add_row(name, value)
    table.add_row("convention", result.convention)
    table.add_row("irreducible loss", result.offset)
    table.add_row("median C* of the draws, FLOPs", text.power(result.median, 3))
    table.add_row(f"{result.level:.0%} interval, FLOPs", _between(result.interval))
    table.add_row(f"{result.level:.0%} of the draws, FLOPs", _between(result.parameter_interval))
    table.add_row("draws without a crossing", _percent(result.p_none))
    table.add_row("draws not fitted", _percent(result.p_unfitted))
    return table


def law_table(result: CrossingResult) -> Table:
    """The three fitted laws; alpha_C against alpha_D p decides whether there is a crossing."""
    headings = ("law", "scale", "exponent", "L_inf", "points")
    table = TitledTable(*headings, title="the laws, each fitted alone")
    laws = (("L(C) = L_inf + (C_c/C)^α", result.compute), ("L(D) = L_inf + (D_c/D)^α", result.data))
    for (name, law), used in zip(laws, (result.frontier, result.floor), strict=True):
        offset = text.MISSING if result.offset == "none" else text.number(law.offset)
        table.add_row(name, text.power(law.scale, 3), text.number(law.exponent, 3), offset, str(len(used)))
    for name, growth in (("D(C) = D_0 C^p", result.tokens), ("N(C) = N_0 C^q", result.sizes)):
        row = (text.power(growth.scale, 3), text.number(growth.exponent, 3))
        table.add_row(name, *row, text.MISSING, str(len(result.frontier)))
    return table


def reading_table(result: CrossingResult) -> Table:
    """Where each law is read at the crossing, and how far outside what was fitted."""
    headings = ("law", "fitted from", "to", "read at", "decades outside")
    table = TitledTable(*headings, title="read at the crossing")
    for reading in result.readings:
        ends = (text.power(value) for value in (reading.low, reading.high, reading.at))
        table.add_row(reading.law, *ends, f"{reading.decades:+.1f}" if reading.decades else "inside")
    return table


def merge_table(merged: Merge) -> Table:
    """Where one surface's frontier meets its own floor."""
    title = f"{merged.law}: one surface cannot cross its floor; does its frontier merge with it?"
    table = TitledTable("quantity", "value", title=title)
    table.add_row("C_merge, FLOPs", text.power(merged.flops, 3))
    table.add_row("in words", merged.reason)
    table.add_row(f"{merged.level:.0%} of the draws, FLOPs", _between(merged.interval))
    table.add_row("draws that never merge", _percent(merged.p_never))
    return table


def _between(ends: tuple[float | None, float | None]) -> str:
    low, high = (text.power(end) for end in ends)
    if ends == (None, None):
        return text.UNBOUNDED
    return f"{low} to {high}" if None not in ends else text.interval(ends, 2)


def _percent(share: float | None) -> str:
    return text.MISSING if share is None else f"{text.number(100 * share, 2)}%"


def save_figures(result: CrossingResult, folder: Path) -> None:
    """The figures of a crossing as SVG, PDF and PNG files in `folder`. Raises RecordError."""
    from quarry.analysis.report.figures.crossing import crossing_curves, crossing_histogram

    charts = {"crossing": crossing_curves(result)}
    if result.draws:
        charts["crossing-draws"] = crossing_histogram(result)
    save_charts(charts, folder)
