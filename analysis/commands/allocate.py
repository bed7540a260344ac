"""`quarry allocate`: the compute-optimal N and E of given budgets, printed with what they were read from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from quarry import text
from quarry.analysis.allocation.isoflop import IsoFlop
from quarry.analysis.allocation.methods import Allocation, Method, allocate
from quarry.analysis.commands.fit import assigned, print_warnings, write_result
from quarry.analysis.fitting.estimation import Fit
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.points.loading import load_points
from quarry.text import interval, number


def allocate_command(
    path: Path,
    flops: Sequence[float],
    *,
    method: Method,
    law: str,
    curve: str,
    critical: Sequence[str],
    loss: str,
    count: str,
    split: str,
    annealed_only: bool,
    exclude: Sequence[str],
    options: Mapping,
    output: Path | None,
    figures: Path | None,
    console: Console,
) -> Allocation:
    """Allocate each budget by the points at `path`; write JSON and figures if asked.

    `options` are bootstrap, seed and level. Raises PointsError, FitError, RecordError.
    """
    needs = find_law("kaplan-ns" if method == "kaplan" else law)
    points = load_points(path, count, split, annealed_only, loss, needs).exclude(exclude)
    found = allocate(
        points, flops, method=method, law=law, curve=curve, critical=assigned(critical) or None, **options
    )
    console.print(exponent_table(found), budget_table(found))
    if isinstance(found.found, IsoFlop) and not found.found.refused.is_empty():
        console.print(refused_table(found.found))
    print_warnings(found.warnings, console)
    if output is not None:
        write_result(found.to_json(), output)
    if figures is not None:
        save_figures(found, figures)
    return found


def exponent_table(found: Allocation) -> Table:
    """N = N_0 C^a, E = E_0 C^b."""
    table = Table(title=f"{found.method}: N ~ C^a, E ~ C^b", box=None)
    for heading in ("exponent", "value", f"{found.level:.0%} interval"):
        table.add_column(heading, justify="left" if heading == "exponent" else "right")
    for name, (value, ends) in (("a", found.a), ("b", found.b)):
        table.add_row(name, number(value), interval(ends))
    return table


def budget_table(found: Allocation) -> Table:
    """A row for each budget."""
    headings = ("C, FLOPs", "N", "interval", "E, tokens", "interval", "E / N")
    table = Table(title="compute-optimal", box=None)
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in found.budgets.iter_rows(named=True):
        ends = [_counts(row[f"{name}_low"], row[f"{name}_high"]) for name in "NE"]
        size, read, ratio = text.count(row["N"]), text.count(row["E"]), number(row["tokens_per_parameter"], 3)
        table.add_row(text.power(row["C"], 3), size, ends[0], read, ends[1], ratio)
    return table


def _counts(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return text.UNBOUNDED
    return f"{text.count(low)} to {text.count(high)}"


def refused_table(found: IsoFlop) -> Table:
    """The budgets without an optimum, and why."""
    table = Table("C, FLOPs", "refused because", title="budgets without an optimum", box=None)
    for row in found.refused.iter_rows(named=True):
        table.add_row(text.power(row["C"], 3), Text(row["reason"]))
    return table


def save_figures(found: Allocation, folder: Path) -> None:
    """The figures of an allocation as SVG files in `folder`. Raises RecordError."""
    from quarry.analysis.commands.figures import save_charts
    from quarry.analysis.report.figures.allocation import compute_optimal, envelope_curves, isoflop_curves
    from quarry.analysis.report.figures.fits import fitted, residuals

    read = found.found
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
