"""Warnings that go with a fit, each one sentence."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from quarry.analysis.fitting.correlation import strongest_pair
from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.comparable import text_warnings
from quarry.analysis.points.schema import SAME_VALUE, repeats_data
from quarry.analysis.points.selection import FRONTIER, shares_fixed_value
from quarry.analysis.points.settings import places, settings
from quarry.analysis.points.units import flops_doubts
from quarry.text import count, plural

if TYPE_CHECKING:
    from quarry.analysis.fitting.diagnostics import Diagnostics
    from quarry.analysis.fitting.misfit import Misfit
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Law
    from quarry.analysis.points.table import Points

# Fewer starts than this fraction make the best minimum a chance find.
_FEW_AGREEING = 0.01

# A law whose residuals are less probable than this is rejected.
_REJECTED = 1e-3

# A minimum whose objective is within this fraction of the best may be the right one.
_CLOSE_MINIMUM = 0.01

# What a law of fresh tokens has.
_FRESH = ("L_inf", "A", "B", "alpha", "beta")

# What a run is bought with, beside unique tokens.
_SCALES = {"N", "E", "C", "M", "S_min"}

_ONE_CURVE = (
    "all points are of one run: its points were resampled, and the intervals are of this run's curve, not of "
    "another seed's",
)

_LOSS_UNIT = "nats/token"


def law_warnings(law: "Law", points: "Points", diagnostics: "Diagnostics") -> list[str]:
    """Warnings about the points, the law's residuals and the search."""
    return [
        *points.remarks,
        *_design_warnings(law, points, diagnostics),
        *_table_warnings(law, points, diagnostics),
        *_misfit_warnings(law, diagnostics),
        *_search_warnings(diagnostics),
    ]


def _design_warnings(law: "Law", points: "Points", diagnostics: "Diagnostics") -> list[str]:
    """Inputs that the points do not vary apart."""
    warnings = []
    if not shares_fixed_value(points, law):
        warnings.append(
            f"no two points share what {law.name} holds fixed: token counts and sizes vary together"
        )
    pair = strongest_pair(law_inputs(points.table, law))
    if diagnostics.confounded and pair is not None:
        one, two = pair
        warnings.append(
            f"{one} and {two} move together (correlation of logarithms "
            f"{diagnostics.correlated_inputs:.3f}), as in a ladder of fixed tokens per parameter: these "
            "points cannot tell the exponents apart, and the parameters "
            f"are one choice among many; vary {two} at fixed {one}"
        )
    return [*warnings, *_single_unique(law, points)]


def _single_unique(law: "Law", points: "Points") -> list[str]:
    """One number of unique tokens, for a law of repeated data."""
    if "U" not in law.inputs or "E" not in law.inputs:
        return []
    unique = points.table["U"].cast(pl.Float64)
    if float(unique.max()) > float(unique.min()) * (1 + SAME_VALUE):  # pyright: ignore[reportArgumentType]
        return []
    extra = [name for name in law.parameter_names if name not in _FRESH]
    return [
        f"all points have one U ({count(unique[0])}): passes vary with E alone, so that the worth of repeats "
        f"({', '.join(extra)}) and that of fresh tokens are hardly told apart, and parameters may run away; "
        "vary U"
    ]


def _table_warnings(law: "Law", points: "Points", diagnostics: "Diagnostics") -> list[str]:
    """Points that may not be what the law assumes."""
    warnings = [*_unit_warnings(law, points), *_setting_warnings(law, points)]
    warnings += copies_warnings(points.table.select(*law.inputs, law.response))
    warnings += [*flops_doubts(points.table), *text_warnings(points.table)]
    if (repeated := _repeating(law, points)) > 0:
        verb = "repeats its" if repeated == 1 else "repeat their"
        warnings.append(
            f"{plural(repeated, 'point')} {verb} data (E > U), and {law.name} assumes fresh tokens"
        )
    if "S_min" in law.inputs and "published B_crit" in points.table.columns:
        warnings.append(
            "S_min was computed with the critical batch of Kaplan et al. 2020, which holds for their data "
            "and losses: measure your own (critical-batch) and give it (--critical)"
        )
    if law.inputs == FRONTIER and diagnostics.settings.resampling == "noise":
        warnings.append(
            "the points of the frontier were chosen by their losses, and simulated noise takes it as given"
        )
    if "annealed" in points.table.columns and (running := int((~points.table["annealed"]).sum())):
        warnings.append(
            f"{plural(running, 'point')} measured before the learning rate had decayed: where it decays, "
            "such a loss lies above that of a run that ends there"
        )
    return warnings


def _search_warnings(diagnostics: "Diagnostics") -> list[str]:
    """A minimum that may not be the right one, or an error that held-out runs cannot give."""
    warnings = []
    starts, agreeing = diagnostics.n_starts, diagnostics.n_starts_agreeing
    if agreeing < max(2, _FEW_AGREEING * starts):
        warnings.append(f"only {agreeing} of {starts} starts reached the best objective")
    if close := [m for m in diagnostics.other_minima if m.excess < _CLOSE_MINIMUM]:
        others = "another minimum comes" if len(close) == 1 else f"{len(close)} other minima come"
        warnings.append(
            f"{others} within 1% of the best objective: several solutions fit equally well (listed under "
            "'other minima')"
        )
    if diagnostics.held_out_error is None:
        warnings.append("too few points are left without the largest runs to measure an extrapolation error")
    return warnings


def _unit_warnings(law: "Law", points: "Points") -> list[str]:
    """Losses beyond what the search allows an irreducible loss."""
    highest = float(points.table[law.response].cast(pl.Float64).to_numpy().max())
    return [
        f"column {law.response} reaches {highest:g}, and {parameter.name} is searched up to "
        f"{parameter.upper:g}: are these losses in {_LOSS_UNIT}?"
        for parameter in law.parameters
        if parameter.unit == _LOSS_UNIT and not parameter.log and parameter.upper < highest
    ]


def _setting_warnings(law: "Law", points: "Points") -> list[str]:
    """Settings in which rows that the law takes for one differ."""
    place = places(points.table, law)
    found = settings(points.table, place)[0]
    if not found:
        return []
    words = " and ".join(f"{name} ({points.table[name].n_unique()} values)" for name in found)
    return [
        f"rows of the same {', '.join(place)} differ in {words}: they are no repeats of one run, and the law "
        "lies between them; keep the best at each (--best-recipe) or one value (--exclude), or let losses "
        "above the law count less (--above 0.1)"
    ]


def _misfit_warnings(law: "Law", diagnostics: "Diagnostics") -> list[str]:
    """Residuals that the law should not leave."""
    misfit = diagnostics.misfit
    rejected = rejection(law.name, law.inputs, law.response, misfit) if misfit else []
    return [*rejected, *diagnostics.far.warnings()]


def rejection(law: str, inputs: Sequence[str], response: str, misfit: "Misfit") -> list[str]:
    """The sentence that a law is rejected, if it is."""
    if misfit.probability >= _REJECTED:
        return []
    return [
        f"{law} is rejected by these points: its residuals curve with {' and '.join(inputs)}, by "
        f"{misfit.size:.2%} of the {response} (probability {misfit.probability:.1g} if it were right)"
    ]


def copies_warnings(values: pl.DataFrame) -> list[str]:
    """How many rows repeat another's inputs and response to the last digit."""
    copies = len(values) - values.n_unique()
    if not copies:
        return []
    verb = "repeats another" if copies == 1 else "repeat others"
    return [f"{plural(copies, 'row')} {verb} exactly: copies of one narrow the intervals"]


def _repeating(law: "Law", points: "Points") -> int:
    """Points of more than one epoch, for a law of the loss that knows no U: it describes fresh tokens."""
    fresh = bool(_SCALES & set(law.inputs)) and "U" not in law.inputs and law.response == "loss"
    if not fresh or not {"E", "U"} <= set(points.table.columns):
        return 0
    return int(points.table.select(repeats_data()).to_series().sum())


def unbounded_warnings(fit: "Fit") -> list[str]:
    """Warnings about parameters that these runs do not pin down."""
    law, diagnostics = fit.data.law, fit.diagnostics
    runs, needed = diagnostics.runs, len(law.parameters)
    one_curve = runs == 1 and len(law.inputs) == 1 and fit.intervals is not None
    if runs <= needed and not one_curve:
        return [
            f"these runs cannot bound it: {runs} runs for the {needed} parameters of {law.name}; no interval"
        ]
    if diagnostics.settings.bootstrap == 0:
        return ["no interval was asked for (bootstrap=0)"]
    if fit.no_interval:
        return [fit.no_interval]
    sides = {name: _open_sides(*fit.interval[name]) for name in law.parameter_names}
    unbounded = [f"{name} is not bounded {side} by these runs" for name, side in sides.items() if side]
    return [*(_ONE_CURVE if one_curve else []), *unbounded]


def _open_sides(below: float | None, above: float | None) -> str:
    if below is None and above is None:
        return "on either side"
    return "below" if below is None else "above" if above is None else ""
