"""`quarry fit`: from the words of the command line to a printed fit."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quarry.analysis.commands.figures import save_charts
from quarry.analysis.fitting.comparison import Comparison, compare
from quarry.analysis.fitting.estimation import At, Fit, fit
from quarry.analysis.fitting.profiles.likelihood import Profile, profile
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.formulas import plain
from quarry.analysis.points.loading import load_points
from quarry.analysis.points.strict import strict
from quarry.errors import PointsError, RecordError
from quarry.text import MISSING, interval, number
from quarry.train.record.files import write_json


def fit_command(
    path: Path,
    law: str,
    *,
    x: str,
    terms: tuple[str, ...] | None,
    freeze: Sequence[str],
    critical: Sequence[str],
    loss: str,
    count: str,
    split: str,
    annealed_only: bool,
    exclude: Sequence[str],
    hold_out: Sequence[str],
    at: Sequence[str],
    profiles: Sequence[str],
    against: Sequence[str],
    options: Mapping,
    output: Path | None,
    figures: Path | None,
    console: Console,
) -> Fit:
    """Fit a law to the points at `path`, print it with its checklist, write it as JSON and draw it if asked.

    Also the profile likelihood of each of `profiles`, parameters or derived quantities, and a comparison with
    the laws `against` it. `options` are those of `quarry.analysis.fitting.estimation.fit`. Raises
    PointsError, LawError, FitError,
    LawError, FitError, FitError, FitError, RecordError.
    """
    chosen = find_law(law, x, terms)
    points = load_points(path, count, split, annealed_only, loss, chosen).exclude(exclude)
    points, held = points.hold_out(hold_out)
    fitted = fit(points, chosen, freeze=assigned(freeze), critical=assigned(critical), **options)
    console.print(parameter_table(fitted), checklist_table(fitted))
    if not held.is_empty():
        console.print(prediction_table(fitted, held))
    if at:
        console.print(at_table(fitted, fitted.at(assigned(at))))
    profiled = [profile(fitted, name, level=fitted.level) for name in profiles]
    if profiled:
        console.print(profile_table(profiled))
    warnings = [*fitted.warnings, *(warning for each in profiled for warning in each.warnings)]
    comparison = None
    if against:
        laws = (chosen.frozen(assigned(freeze)), *against)
        comparison = compare(points, laws, critical=assigned(critical), **_comparable(options))
        warnings += print_comparison(comparison, console)
    print_warnings(list(dict.fromkeys(warnings)), console)
    if output is not None:
        write_result(fitted.to_json() | {"profiles": [profile_json(each) for each in profiled]}, output)
    if figures is not None:
        save_charts(fit_charts(fitted, profiled, comparison), figures)
    return fitted


def _comparable(options: Mapping) -> dict:
    """The options of a fit that a comparison takes: those of the objective, and the seed."""
    return {name: options[name] for name in ("objective", "huber_delta", "noise", "above", "seed")}


# A valley no higher than this above the minimum is the minimum.
_SAME = 1e-6


def profile_table(profiled: Sequence[Profile]) -> Table:
    """The profile interval of each quantity, with the other valleys of its objective."""
    table = Table(title="profile likelihood", box=None)
    for heading in ("quantity", "best", "regions", "other valleys"):
        table.add_column(heading, justify="left")
    for each in profiled:
        regions = "; or ".join(interval(region) for region in each.regions)
        valleys = "; ".join(
            f"{number(value)} ({objective / each.minimum - 1:.2%} above)"
            for value, objective in each.valleys
            if objective > each.minimum * (1 + _SAME)
        )
        table.add_row(Text(each.name), number(each.best), regions, valleys or "none")
    return table


def profile_json(each: Profile) -> dict:
    """A profile as strict JSON values."""
    return {
        "name": each.name,
        "level": each.level,
        "best": each.best,
        "threshold": each.threshold,
        "interval": list(each.interval),
        "regions": [list(region) for region in each.regions],
        "valleys": [list(valley) for valley in each.valleys],
        "value": each.values.tolist(),
        "objective": each.objective.tolist(),
    }


def print_comparison(comparison: Comparison, console: Console) -> tuple[str, ...]:
    """Print the laws by held-out error, and return the comparison's warnings."""
    table = Table(title="laws fitted to the same points", box=None)
    for heading in (
        "law",
        "free",
        "objective",
        "held-out error",
        f"error without each {comparison.by}",
        "misfit",
    ):
        table.add_column(heading, justify="left" if heading == "law" else "right")
    for row in comparison.table.iter_rows(named=True):
        errors = [_percent(row[name]) for name in ("held_out_error", "left_out_error")]
        misfit = number(row["misfit_probability"], 2)
        table.add_row(Text(row["law"]), str(row["parameters"]), f"{row['objective']:.6g}", *errors, misfit)
    console.print(table)
    return comparison.warnings


def _percent(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3%}"


def fit_charts(fitted: Fit, profiled: Sequence[Profile], comparison: Comparison | None = None) -> dict:
    """The figures of a fit by name: law, residuals, starts, the comparison with other laws, profiles."""
    from quarry.analysis.report.figures import fits
    from quarry.analysis.report.figures.diagnostics import law_comparison, profile_curve, start_agreement

    charts = {
        "law": fits.fitted(fitted),
        "residuals": fits.residuals(fitted),
        "starts": start_agreement(fitted),
    }
    if comparison is not None and _measured(comparison):
        charts["comparison"] = law_comparison(comparison)
    return charts | {f"profile-{each.name}": profile_curve(each) for each in profiled}


def _measured(comparison: Comparison) -> bool:
    """Whether any law's error of prediction is known."""
    errors = comparison.table.select("held_out_error", "left_out_error")
    return any(column.count() for column in errors)


def assigned(words: Sequence[str]) -> dict[str, float]:
    """`A=521` as a parameter and its value. Raises PointsError."""
    values = {}
    for word in words:
        name, _, text = word.partition("=")
        try:
            values[name.strip()] = float(text)
        except ValueError:
            raise PointsError(f"cannot read {word!r}: write parameter=number") from None
    return values


def parameter_table(fitted: Fit) -> Table:
    """Parameters and derived quantities, with their intervals."""
    table = Table(title=f"{fitted.law.name}: {plain(fitted.law.formula)}", box=None)
    for heading in ("parameter", "value", f"{fitted.level:.0%} interval"):
        table.add_column(heading, justify="left" if heading == "parameter" else "right")
    frozen, drawn = fitted.diagnostics["frozen"], fitted.diagnostics["bootstrap"] > 0
    asked = interval if drawn else lambda ends: "not asked for"
    for name, value in fitted.params.items():
        table.add_row(name, number(value), "frozen" if name in frozen else asked(fitted.interval[name]))
    for name, value in fitted.derived.items():
        table.add_row(f"{name} (derived)", number(value), asked(fitted.derived_interval[name]))
    return table


def checklist_table(fitted: Fit) -> Table:
    """The checklist, an item a row."""
    table = Table("item", "answer", title="checklist", box=None)
    for item, answer in fitted.checklist():
        table.add_row(item, Text(answer))
    return table


def prediction_table(fitted: Fit, held: pl.DataFrame) -> Table:
    """The points held out, each with what the law says of it."""
    predictions = fitted.predictions(held)
    headings = (*fitted.law.inputs, "measured", "predicted", "error", f"{fitted.level:.0%} for a new run")
    table = Table(title="predictions of the points held out", box=None)
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in predictions.iter_rows(named=True):
        low, high = (None if row[side] in (0, math.inf) else row[side] for side in ("low", "high"))
        inputs = [number(row[name]) for name in fitted.law.inputs]
        ends = [number(row[fitted.law.response], 5), number(row["predicted"], 5), f"{row['error']:+.4%}"]
        table.add_row(*inputs, *ends, interval((low, high), 4))
    return table


def at_table(fitted: Fit, at: At) -> Table:
    """The objective at given parameters, at the minimum downhill from them, and at the best one."""
    rows = {
        "given": (at.params, at.objective),
        "downhill from it": (at.nearest, at.nearest_objective),
        "best": (fitted.params, fitted.objective),
    }
    table = Table(title="the objective elsewhere", box=None)
    free = fitted.data.law.parameter_names
    for heading in ("", *free, "objective"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, (params, objective) in rows.items():
        table.add_row(name, *(number(params[parameter], 6) for parameter in free), f"{objective:.9g}")
    return table


def print_warnings(warnings: Sequence[str], console: Console) -> None:
    """Each warning on its own line."""
    for warning in warnings:
        console.print(Text("warning: ", "bold yellow") + Text(warning))


def write_result(value: Mapping, output: Path) -> None:
    """Write a result as JSON, whole or not at all. Raises RecordError if it cannot be written."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, strict(value))
    except OSError as error:
        raise RecordError(f"cannot write {output}: {error.strerror}") from None
