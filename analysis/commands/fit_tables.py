"""A fit as tables of the terminal: parameters, checklist, predictions, profiles, other laws."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from rich.table import Table
from rich.text import Text

from quarry.analysis.fitting.doubts import marked
from quarry.analysis.fitting.prediction.band import FURTHER, PARTS
from quarry.analysis.laws.formulas import plain
from quarry.console import TitledTable
from quarry.text import count, interval, number, percent

if TYPE_CHECKING:
    from quarry.analysis.fitting.comparison.ranking import Comparison
    from quarry.analysis.fitting.intervals import Interval
    from quarry.analysis.fitting.profiles.likelihood import Profile
    from quarry.analysis.fitting.result import At, Fit

_TENFOLD = (10.0, 10.0**0.5)
"""By what a single input grows for ten times the compute, and by what each of several."""

_SAME_OBJECTIVE = 1e-6
"""A valley of a profile that lies less than this above the minimum, relatively, is the minimum."""


def parameter_table(fitted: "Fit") -> Table:
    """Parameters and derived quantities, with their intervals."""
    table = TitledTable(title=f"{fitted.law.name}: {plain(fitted.law.formula)}")
    for heading in ("parameter", "value", f"{fitted.level:.0%} interval"):
        table.add_column(heading, justify="left" if heading == "parameter" else "right")
    frozen, drawn = fitted.diagnostics.frozen, fitted.diagnostics.settings.bootstrap > 0
    words = (
        interval if drawn and not fitted.no_interval else lambda ends: "none" if drawn else "not asked for"
    )
    for name in fitted.params:
        table.add_row(name, fitted.shown(name), "frozen" if name in frozen else words(fitted.interval[name]))
    for name in fitted.derived:
        table.add_row(f"{name} (derived)", fitted.shown(name), words(fitted.derived_interval[name]))
    return table


def checklist_table(fitted: "Fit") -> Table:
    """The checklist, an item a row."""
    table = TitledTable("item", "answer", title="checklist")
    for item, answer in fitted.checklist():
        table.add_row(item, Text(answer))
    return table


def together_table(fitted: "Fit") -> Table:
    """What each law of a mixture says of a run of ten times the largest compute, and what it counts."""
    grown = _TENFOLD[len(fitted.law.inputs) > 1]
    beyond = {name: values.max() * grown for name, values in fitted.data.inputs.items()}
    at = " and ".join(f"{name} = {count(value)}" for name, value in beyond.items())
    table = TitledTable(title=f"who said what: the loss at {at}")
    for heading in ("law", "weight", "loss", f"{fitted.level:.0%} for a new run"):
        table.add_column(heading, justify="left" if heading == "law" else "right")
    for law, own in fitted.members.items():
        table.add_row(law, f"{fitted.params[f'weight.{law}']:.0%}", *_said(own, beyond))
    table.add_row("together", "", *_said(fitted, beyond))
    return table


def _said(fitted: "Fit", at: dict[str, float]) -> tuple[str, str]:
    """The loss of a run, and its interval."""
    low, high = (float(side) for side in fitted.band(at, new_run=True))
    return number(float(fitted.predict(at)), 5), interval(_sides(low, high), 4)


def _sides(low: float, high: float) -> "Interval":
    """The ends of an interval, None on a side that is not known."""
    return low or None, None if math.isinf(high) else high


def prediction_table(fitted: "Fit", held_out: "pl.DataFrame") -> Table:
    """The held-out points, each with its prediction, and how many of them their intervals hold."""
    predictions = fitted.predictions(held_out)
    headings = (*fitted.law.inputs, "measured", "predicted", "error", f"{fitted.level:.0%} for a new run")
    caption = None if fitted.outlook is None else evidence(fitted, predictions)
    if left_out := len(held_out) - len(predictions):
        kind = f"not of the kind that {fitted.law.name} describes"
        said = f"{left_out} of {len(held_out)} points held out are {kind}"
        caption = f"{said}; {caption}" if caption else said
    table = TitledTable(title="predictions of the points held out", caption=caption)
    for heading in (*headings, *(() if fitted.outlook is None else ("beyond",))):
        table.add_column(heading, justify="right")
    for row in predictions.iter_rows(named=True):
        inputs = [number(row[name]) for name in fitted.law.inputs]
        ends = [number(row[fitted.law.response], 5), number(row["predicted"], 5), f"{row['error']:+.4%}"]
        table.add_row(*inputs, *ends, interval(_sides(row["low"], row["high"]), 4), *_beyond(row))
    return table


def _beyond(row: dict) -> list[str]:
    """How far beyond the fitted range a prediction lies, and whether any backtest went as far."""
    if "factor" not in row:
        return []
    further = FURTHER if row["further"] else ""
    return ["inside" if row["factor"] == 1 else f"×{number(row['factor'], 3)}{further}"]


def evidence(fitted: "Fit", predictions: "pl.DataFrame") -> str:
    """How many of the predictions hold, and what made the middle one of their intervals so wide.

    An open interval holds whatever is measured, so that it counts apart.
    """
    closed = predictions.filter(pl.col("low") > 0, pl.col("high").is_finite())
    measured = closed[fitted.law.response]
    inside = int(((measured >= closed["low"]) & (measured <= closed["high"])).sum())
    left = len(predictions) - len(closed)
    counts = f"{inside} of {len(closed)} inside, {fitted.level * len(closed):.0f} expected"
    halves = {name: float(np.median(predictions[f"half_{name}"].to_numpy())) for name in PARTS}
    said = ", ".join(
        f"{percent(half, decimals=1)} {name}" if math.isfinite(half) else f"{name} open"
        for name, half in halves.items()
    )
    return f"{counts}{f'; {left} open' if left else ''}; median half-widths: {said}"


def at_table(fitted: "Fit", at: "At") -> Table:
    """The objective at given parameters, at the minimum downhill from them, and at the best one."""
    rows = {
        "given": (at.params, at.objective),
        "downhill from it": (at.nearest, at.nearest_objective),
        "best": (fitted.params, fitted.objective),
    }
    table = TitledTable(title="the objective elsewhere")
    free = fitted.data.law.parameters
    for heading in ("", *(parameter.name for parameter in free), "objective"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, (params, objective) in rows.items():
        table.add_row(name, *(marked(each, params[each.name], 6) for each in free), f"{objective:.9g}")
    return table


def profile_table(fitted: "Fit", profiled: Sequence["Profile"]) -> Table:
    """The profile interval of each quantity, with the other valleys of its objective."""
    table = TitledTable(title="profile likelihood")
    for heading in ("quantity", "best", "regions", "other valleys"):
        table.add_column(heading, justify="left")
    for each in profiled:
        regions = "; or ".join(interval(region) for region in each.regions)
        valleys = "; ".join(
            f"{number(value)} ({objective / each.minimum - 1:.2%} above)"
            for value, objective in each.valleys
            if objective > each.minimum * (1 + _SAME_OBJECTIVE)
        )
        table.add_row(Text(each.name), fitted.shown(each.name), regions, valleys or "none")
    return table


def comparison_table(comparison: "Comparison") -> Table:
    """Laws by their errors of prediction."""
    table = TitledTable(title="laws fitted to the same points")
    for heading in (
        "law",
        "free",
        "objective",
        "held-out error",
        f"error without each {comparison.by}",
        "misfit",
    ):
        table.add_column(heading, justify="left" if heading == "law" else "right")
    for row in comparison.ranking.iter_rows(named=True):
        errors = [percent(row[name], decimals=3) for name in ("held_out_error", "left_out_error")]
        misfit = number(row["misfit_probability"], 2)
        table.add_row(Text(row["law"]), str(row["parameters"]), f"{row['objective']:.6g}", *errors, misfit)
    return table
