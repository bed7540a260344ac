"""What a reader must know before believing a fit, each in one sentence."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from analysis.laws import Law
from analysis.points import Points
from analysis.selection import shares_held
from analysis.uncertainty import Intervals

# In a ladder of E = 20 N the correlation is 1; a grid of sizes and token counts has 0.
_CONFOUNDED = 0.98

_FEW_AGREEING = 0.01


def confounded(correlation: float | None) -> bool:
    """Whether inputs with this correlation of logarithms leave a law's exponents indistinguishable."""
    return correlation is not None and abs(correlation) > _CONFOUNDED


def law_warnings(law: Law, points: Points, diagnostics: Mapping[str, Any]) -> list[str]:
    """Warnings about the points' design and the search."""
    warnings = []
    if not shares_held(points, law):
        warnings.append(
            f"no two points share what {law.name} holds fixed: token counts and sizes vary together"
        )
    correlation = diagnostics["correlated_inputs"]
    if confounded(correlation):
        one, two = law.inputs
        warnings.append(
            f"{one} and {two} move together (correlation of logarithms {correlation:.3f}), as in a ladder of "
            "fixed tokens per parameter: these points cannot tell the exponents apart; "
            f"vary {two} at fixed {one}"
        )
    if mixed := [name for name in ("corpus", "tokenizer") if _several(points.table, name)]:
        words = " and ".join(mixed)
        warnings.append(f"the points differ in {words}: their losses per token are not comparable")
    if (repeated := _repeating(law, points)) > 0:
        warnings.append(f"{repeated} points repeat their data (E > U), and {law.name} assumes fresh tokens")
    starts, agreeing = diagnostics["n_starts"], diagnostics["n_starts_agreeing"]
    if agreeing < max(2, _FEW_AGREEING * starts):
        warnings.append(f"only {agreeing} of {starts} starts reached the best objective")
    if diagnostics["held_out_error"] is None:
        warnings.append("too few points are left without the largest runs to measure an extrapolation error")
    return warnings


def _several(table: pl.DataFrame, name: str) -> bool:
    return name in table.columns and table[name].n_unique() > 1


def _repeating(law: Law, points: Points) -> int:
    """Points of more than one epoch, for a law in E that knows no U: it describes the first pass."""
    first_pass = "E" in law.inputs and "U" not in law.inputs
    if not first_pass or "U" not in points.table.columns:
        return 0
    return int((points.table["E"] > points.table["U"] * 1.01).sum())


def unbounded_warnings(law: Law, interval: Intervals, diagnostics: Mapping[str, Any]) -> list[str]:
    """Warnings about parameters that these runs do not pin down."""
    runs, needed = diagnostics["runs"], len(law.parameters)
    if runs <= needed:
        return [
            f"these runs cannot bound it: {runs} runs for the {needed} parameters of {law.name}; no interval"
        ]
    if diagnostics["bootstrap"] == 0:
        return ["no interval was asked for (bootstrap=0)"]
    sides = {name: _open_sides(*interval[name]) for name in law.parameter_names}
    return [f"{name} is not bounded {side} by these runs" for name, side in sides.items() if side]


def _open_sides(below: float | None, above: float | None) -> str:
    if below is None and above is None:
        return "on either side"
    return "below" if below is None else "above" if above is None else ""
