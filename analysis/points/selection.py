"""The points that a law is fitted to: with the columns it needs, and comparable with one another."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.laws.law import Law
from quarry.analysis.points.best_points import BestPoints
from quarry.analysis.points.columns import positive_numbers
from quarry.analysis.points.critical_batch import measure_critical_batch
from quarry.analysis.points.minimum_steps import at_small_batch, with_minimum_steps
from quarry.analysis.points.schema import SAME_VALUE, value_groups
from quarry.analysis.points.table import Exclusion, Points
from quarry.errors import FitError

# A law of one variable is fitted to points that differ in it alone. A law of U describes the data floor of
# one model size. A law of C describes the compute frontier, along which N and E change: it holds none fixed.
_FIXED = {"N": "E", "E": "N", "U": "N"}
_WORDS = {"N": "sizes", "E": "token counts", "U": "unique token counts", "C": "budgets"}

FRONTIER = ("C",)
"""The inputs of a law of the compute frontier."""

_ABOVE_FRONTIER = (
    "above the compute frontier: another point has no more loss for no more C (sizes: within 1%)"
)
_OTHER_PASSES = "more or fewer passes over the same data do better"


def points_for_law(points: Points, law: Law, critical: Mapping[str, float] | None = None) -> Points:
    """`points` with the columns that `law` needs, as positive Float64. Raises PointsError, FitError.

    `critical` has the B_star and alpha_B by which S_min is computed where the table has none; the default is
    that of Kaplan et al. 2020. For a law of C it moves each point to a small batch, C_min.
    """
    if critical and not {"S_min", "C"} & set(law.inputs):
        raise FitError(f"critical: {law.name} has neither S_min nor C; leave it out")
    if critical and "S_min" in law.inputs and "S_min" in points.table.columns:
        raise FitError(f"critical: {points.source} has a column S_min already; leave out one of them")
    table = _with_inputs(points, law, critical or {})
    for name in (*law.inputs, law.response):
        if name not in table.columns:
            raise FitError(f"{law.name} needs the column {name}; the points have {', '.join(table.columns)}")
    if table.is_empty():
        raise FitError(f"{law.name}: there are no points")
    return replace(points, table=positive_numbers(table, _used(law, table), points.source, law.name))


def _used(law: Law, table: pl.DataFrame) -> list[str]:
    """The columns of `table` that the fit reads: the law's own and what it holds fixed."""
    fixed = _fixed_column(law, table)
    passes = ["E", "U"] if law.early_stopped else []
    names: list[str] = [*law.inputs, law.response, *([fixed] if fixed else []), *passes]
    return [name for name in dict.fromkeys(names) if name in table.columns]


def _with_inputs(points: Points, law: Law, critical: Mapping[str, float]) -> pl.DataFrame:
    """The table with the inputs that follow from its columns: M = E / N, S_min, C_min as C, B_crit."""
    table = points.table
    if law.inputs == FRONTIER and critical and "C" in table.columns:
        table = at_small_batch(table, critical, points.source)
    if "M" in law.inputs and "M" not in table.columns and {"N", "E"} <= set(table.columns):
        table = table.with_columns(M=pl.col("E") / pl.col("N"))
    if "S_min" in law.inputs and "S_min" not in table.columns:
        table = _with_steps(table, critical, points.source)
    if law.response == "B_crit" and "B_crit" not in table.columns and "B" in table.columns:
        # Levels of one size are read off the same runs, so a size is the unit of resampling.
        measured = measure_critical_batch(table, source=points.source)
        table = measured.with_columns(run=pl.format("N = {}", "N"))
    return table


def _with_steps(table: pl.DataFrame, critical: Mapping[str, float], source: str) -> pl.DataFrame:
    if not critical:
        return with_minimum_steps(table, source=source).with_columns(**{"published B_crit": True})
    return with_minimum_steps(table, critical, source)


def select_points(points: Points, law: Law) -> Points:
    """The points that `law` is fitted to.

    A law of one variable is fitted to points that share the other: a law in N to those of the token count
    shared by the most distinct sizes (ties: the largest count), a law in E or U to those of one size; values
    within 1% count as one. If no two distinct points share a value, all are kept (see `shares_fixed_value`).
    Of an early-stopped law only the best E at each of its inputs is kept, of a law of C only the compute
    frontier. Raises FitError if fewer distinct points than parameters are left.
    """
    fixed = _fixed_column(law, points.table)
    if fixed is not None and shares_fixed_value(points, law):
        points = _keep_widest(points, fixed, law.inputs[0])
    if law.early_stopped and {"E", "U"} <= set(points.table.columns):
        points = _keep_best_passes(points, law)
    if law.inputs == FRONTIER:
        points = _keep_unbeaten(points)
    _check_enough(points, law)
    return points


def shares_fixed_value(points: Points, law: Law) -> bool:
    """Whether points that differ in the input of a law of one variable share the value it holds fixed."""
    fixed = _fixed_column(law, points.table)
    return fixed is None or max(_distinct_by_group(points, fixed, law.inputs[0]).values()) > 1


def _keep_widest(points: Points, fixed: str, x: str) -> Points:
    """The group of one value of `fixed` with the most distinct `x`; ties go to the largest."""
    distinct = _distinct_by_group(points, fixed, x)
    chosen = max(distinct, key=lambda number: (distinct[number], number))
    kept = pl.Series(value_groups(_column(points, fixed)) == chosen)
    if kept.all():
        return points
    value = _column(points, fixed)[kept.to_numpy()].max()
    reason = f"{fixed} is not {text.count(value)}, the value shared by the most {_WORDS[x]}"
    return points.without(~kept, reason)


def _keep_unbeaten(points: Points) -> Points:
    """The compute frontier: L(C) is what a budget can buy, not what any run made of it (Kaplan 2020, 3.3)."""
    kept = frontier_points(points.table).points.sort("C", "loss")
    return _replaced(points, kept, _ABOVE_FRONTIER)


def frontier_points(table: pl.DataFrame) -> BestPoints:
    """The compute frontier, by the mean log loss of runs that differ in their seeds alone."""
    cell = tuple(name for name in ("N", "E", "U") if name in table.columns)
    return BestPoints(table, "C", unbeaten=True, cell=cell)


def at_fixed_value(table: pl.DataFrame, fitted: pl.DataFrame, law: Law) -> pl.DataFrame:
    """The rows of `table` with the value that a law of one variable held fixed in the points `fitted`.

    All rows if it held none fixed. Raises FitError if no row has it.
    """
    fixed = _fixed_column(law, fitted)
    if fixed is None or fixed not in table.columns:
        return table
    values = fitted[fixed].cast(pl.Float64).to_numpy()
    low, high = float(values.min()), float(values.max())
    if high > low * (1 + SAME_VALUE):
        return table
    edges = low / (1 + SAME_VALUE), high * (1 + SAME_VALUE)
    same = table.filter(pl.col(fixed).cast(pl.Float64).is_between(*edges))
    if same.is_empty():
        raise FitError(
            f"{law.name} was fitted at {fixed} = {text.count(low)}, and no point held out has that {fixed}"
        )
    return same


def described(table: pl.DataFrame, fitted: pl.DataFrame, law: Law) -> pl.DataFrame:
    """The rows of `table` that a law fitted to the points `fitted` is of.

    Those with the value that a law of one variable held fixed. Beside the points fitted: for a law of C those
    on the compute frontier, for an early-stopped law those of the best E. Raises FitError if there are none.
    """
    table = at_fixed_value(table, fitted, law)
    early = law.early_stopped and {"E", "U"} <= set(table.columns)
    if law.inputs != FRONTIER and not early:
        return table
    parts = fitted.with_columns(held=False), table.with_columns(held=True)
    both = pl.concat(parts, how="diagonal_relaxed")
    kept = frontier_points(both).points if law.inputs == FRONTIER else _best_passes(both, law)
    found = kept.filter("held").select(table.columns)
    if found.is_empty():
        reason = _ABOVE_FRONTIER if law.inputs == FRONTIER else _OTHER_PASSES
        raise FitError(f"{law.name}: no point held out is of the kind that the law describes ({reason})")
    return found


def _keep_best_passes(points: Points, law: Law) -> Points:
    return _replaced(points, _best_passes(points.table, law), _OTHER_PASSES)


def _best_passes(table: pl.DataFrame, law: Law) -> pl.DataFrame:
    """The rows of the E with the least mean loss at each value of the law's inputs: stopped early."""
    mean = table.group_by(*law.inputs, "E").agg(pl.col("loss").mean())
    best = mean.sort("loss").group_by(*law.inputs).first().select(*law.inputs, "E")
    return table.join(best, on=[*law.inputs, "E"], how="semi", maintain_order="left")


def _replaced(points: Points, kept: pl.DataFrame, reason: str) -> Points:
    """`points` with the rows `kept`; the others, if any, are counted under `reason`."""
    exclusion = Exclusion(reason, len(points.table) - len(kept))
    excluded = (*points.excluded, exclusion) if exclusion.n else points.excluded
    return replace(points, table=kept, excluded=excluded)


def _distinct_by_group(points: Points, fixed: str, x: str) -> dict[int, int]:
    """How many distinct `x` share each value of `fixed`, by group number (ascending with the value)."""
    group, values = value_groups(_column(points, fixed)), _column(points, x)
    return {int(number): len(np.unique(values[group == number])) for number in np.unique(group)}


def _check_enough(points: Points, law: Law) -> None:
    distinct, needed = points.table.select(law.inputs).n_unique(), len(law.parameters)
    if distinct < needed:
        dropped = "; ".join(f"{out.n} dropped: {out.reason}" for out in points.excluded if out.n)
        raise FitError(
            f"{law.name} has {needed} parameters ({', '.join(law.parameter_names)}), and there "
            f"{'is' if distinct == 1 else 'are'} only {text.plural(distinct, 'distinct point')} in "
            f"{', '.join(law.inputs)}" + (f" ({dropped})" if dropped else "")
        )


def _column(points: Points, name: str) -> np.ndarray:
    return points.table[name].cast(pl.Float64).to_numpy()


def _fixed_column(law: Law, table: pl.DataFrame) -> str | None:
    """The column that a law of one variable holds fixed, if `table` has it."""
    fixed = _FIXED.get(law.inputs[0]) if len(law.inputs) == 1 else None
    return fixed if fixed in table.columns else None
