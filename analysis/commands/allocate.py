"""`quarry allocate`: the compute-optimal N and E of given budgets, printed with what they were read from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quarry import text
from quarry.analysis.allocation.isoflop import IsoFlop
from quarry.analysis.allocation.methods import PARAMETRIC, Allocation, Method, allocate
from quarry.analysis.allocation.minimum import METHODS
from quarry.analysis.commands.options import (
    BootstrapOptions,
    LossColumn,
    MidSchedule,
    OutputOptions,
    PointsPath,
    ReadingOptions,
    Repeated,
)
from quarry.analysis.commands.printing import assigned, between, print_warnings, write_result
from quarry.analysis.commands.reading import read_points
from quarry.analysis.fitting.prediction.band import FURTHER
from quarry.analysis.fitting.result import Fit
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.analysis.laws.kaplan import KAPLAN_NS
from quarry.console import TitledTable, make_console
from quarry.errors import DONE
from quarry.options import Flat, choice
from quarry.text import interval, number


@dataclass(frozen=True)
class AllocateOptions:
    """Budgets, and the method that allocates them."""

    flops: tuple[float, ...]
    """Budgets, in FLOPs."""
    method: Method = "isoflop"
    """Envelope of curves (Chinchilla's approach 1), isoFLOP minima (2), fitted law (3), or Kaplan's."""
    law: Annotated[str, choice(PARAMETRIC)] = CHINCHILLA.name
    """The law of the method parametric."""
    curve: Annotated[str, choice(METHODS)] = "akima"
    """The curve through the losses of one budget, for the method isoflop."""
    noise: float | None = None
    """Standard deviation of log loss between seeds, for isoflop (0.002 is 0.2%); by default measured."""
    tolerance: float | None = None
    """How far C may lie from the middle of a budget, as a fraction, for isoflop. By default a column budget
    says which points belong together, whatever its labels; without one the gaps in C do."""
    read_at: tuple[float, ...] = ()
    """Read the losses of each run at these C, in FLOPs, between those measured, for isoflop: for learning
    curves that were measured at other C than one another."""
    critical: Repeated = ()
    """The critical batch, "B_star=2e8" and "alpha_B=0.21": for kaplan, by default Kaplan's; for envelope
    and isoflop, to read C_min, the compute at a batch far below it."""
    loss: LossColumn = "loss"
    mid_schedule: MidSchedule = False
    reading: Annotated[ReadingOptions, Flat] = ReadingOptions()
    draws: Annotated[BootstrapOptions, Flat] = BootstrapOptions(1000)
    output: Annotated[OutputOptions, Flat] = OutputOptions()


def command(points: PointsPath, options: Annotated[AllocateOptions, Flat]) -> int:
    """The compute-optimal parameters and tokens of each budget, with intervals."""
    allocate_points(points, options, make_console())
    return DONE


def allocate_points(path: Path, options: AllocateOptions, console: Console) -> Allocation:
    """Allocate each budget by the points at `path`; write JSON and figures if asked.

    Raises PointsError, FitError, RecordError.
    """
    reading = options.reading
    law = find_law(KAPLAN_NS.name if options.method == "kaplan" else options.law)
    points = read_points(path, reading, loss=options.loss, mid_schedule=options.mid_schedule, law=law)
    allocation = allocate(
        points, options.flops, method=options.method, law=options.law, curve=options.curve,
        critical=assigned(options.critical) or None, noise=options.noise, tolerance=options.tolerance,
        read_at=options.read_at, **vars(options.draws),
    )  # fmt: skip
    console.print(exponent_table(allocation), budget_table(allocation))
    for line in parts_lines(allocation):
        console.print(line)
    if isinstance(allocation.found, IsoFlop) and not allocation.found.refused.is_empty():
        console.print(refused_table(allocation.found))
    print_warnings(allocation.warnings, console)
    if options.output.json is not None:
        write_result(allocation.to_json(), options.output.json)
    if options.output.figures is not None:
        save_figures(allocation, options.output.figures)
    return allocation


def exponent_table(allocation: Allocation) -> Table:
    """N = N_0 C^a, E = E_0 C^b."""
    table = TitledTable(title=f"{allocation.method}: N ~ C^a, E ~ C^b")
    for heading in ("exponent", "value", f"{allocation.level:.0%} interval"):
        table.add_column(heading, justify="left" if heading == "exponent" else "right")
    for name, (_, ends) in (("a", allocation.a), ("b", allocation.b)):
        table.add_row(name, allocation.shown(name), interval(ends))
    return table


def budget_table(allocation: Allocation) -> Table:
    """A row for each budget."""
    headings = ("C, FLOPs", "N", "interval", "E, tokens", "interval", "E / N", "beyond")
    table = TitledTable(title="compute-optimal")
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in allocation.budgets.iter_rows(named=True):
        ends = [between((row[f"{name}_low"], row[f"{name}_high"]), text.count) for name in "NE"]
        size, read, ratio = text.count(row["N"]), text.count(row["E"]), number(row["tokens_per_parameter"], 3)
        table.add_row(text.power(row["C"], 3), size, ends[0], read, ends[1], ratio, _beyond(row))
    return table


def _beyond(row: dict[str, Any]) -> str:
    """How far a budget lies beyond those measured."""
    if row["factor"] is None:
        return text.MISSING
    return "inside" if row["factor"] == 1 else f"×{number(row['factor'], 3)}"


def parts_lines(allocation: Allocation) -> list[Text]:
    """What the interval of N is made of at each budget beyond those measured, a line each."""
    return [
        Text(f"log N at {text.power(row['C'], 3)} FLOPs: plus or minus {_parts(row)}")
        for row in allocation.budgets.iter_rows(named=True)
        if row["factor"] is not None and row["factor"] > 1
    ]


def _parts(row: dict[str, Any]) -> str:
    halves = {name: row[f"half_{name}"] for name in ("parameters", "extrapolation")}
    said = ", ".join(
        f"{name} open" if half is None else f"{number(half, 2)} {name}" for name, half in halves.items()
    )
    return f"{said} over a factor of {number(row['factor'], 3)}{FURTHER if row['further'] else ''}"


def refused_table(result: IsoFlop) -> Table:
    """The budgets without an optimum, and why."""
    table = TitledTable("C, FLOPs", "refused because", title="budgets without an optimum")
    for row in result.refused.iter_rows(named=True):
        table.add_row(text.power(row["C"], 3), Text(row["reason"]))
    return table


def save_figures(allocation: Allocation, folder: Path) -> None:
    """The figures of an allocation as SVG, PDF and PNG files in `folder`. Raises RecordError."""
    from quarry.analysis.commands.figures import save_charts
    from quarry.analysis.report.figures.allocation import compute_optimal, envelope_curves, isoflop_curves
    from quarry.analysis.report.figures.fits import fitted, residuals

    read = allocation.found
    if isinstance(read, Fit):
        return save_charts({"law": fitted(read), "residuals": residuals(read)}, folder)
    if isinstance(read, IsoFlop):
        optima, own = read.budgets, {"isoflop": isoflop_curves(read)}
    else:
        optima, own = read.handovers, {"envelope": envelope_curves(read.curves, read)}
    lines = {
        "optimal-n": compute_optimal(read.trend, optima, "N"),
        "optimal-tokens": compute_optimal(read.trend, optima, "E"),
    }
    return save_charts(own | lines, folder)
