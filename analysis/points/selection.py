"""Which points a law may be fitted on together, and which are held out to test it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.laws.law import Law
from quarry.analysis.points.best_points import BestPoints
from quarry.analysis.points.columns import positive_numbers
from quarry.analysis.points.critical_batch import measure_critical_batch, with_minimum_steps
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.schema import SAME_VALUE, value_groups
from quarry.analysis.points.table import Exclusion, Points
from quarry.errors import FitError

# A law of one variable compares points that differ in it alone. U: the data floor is that of one model size.
# C: along the frontier N and E both move, so nothing is held fixed, but only its points are kept.
_HELD_FIXED = {"N": "E", "E": "N", "U": "N"}
_WORDS = {"N": "sizes", "E": "token counts", "U": "unique token counts", "C": "budgets"}

FRONTIER = ("C",)
"""The inputs of a law of the compute frontier."""

_HELD_OUT = 0.2


def points_for_law(points: PointsLike, law: Law, critical: Mapping[str, float] | None = None) -> Points:
    """`points` with the columns that `law` needs, as positive Float64. Raises PointsError, FitError.

    `critical` has the B_star and alpha_B by which S_min is computed, if the table has none.
    """
    points = as_points(points, law)
    table = _with_inputs(points, law, critical or {})
    for name in (*law.inputs, law.response):
        if name not in table.columns:
            raise FitError(f"{law.name} needs the column {name}; the points have {', '.join(table.columns)}")
    if table.is_empty():
        raise FitError(f"{law.name}: there are no points")
    return replace(points, table=positive_numbers(table, _used(law, table.columns), points.source, law.name))


def _used(law: Law, columns: Sequence[str]) -> list[str]:
    """The columns that the fit reads, as far as there are: the law's own and what it holds fixed."""
    fixed = [_HELD_FIXED[law.inputs[0]]] if _holds(law) else []
    passes = ["E", "U"] if law.early_stopped else []
    return [name for name in dict.fromkeys((*law.inputs, law.response, *fixed, *passes)) if name in columns]


def _with_inputs(points: Points, law: Law, critical: Mapping[str, float]) -> pl.DataFrame:
    """The table with the inputs that follow from its columns: M = E / N, S_min, B_crit."""
    table = points.table
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
    if missing := {"B_star", "alpha_B"} - set(critical):
        raise FitError(f"critical needs B_star and alpha_B; {min(missing)} is missing")
    return with_minimum_steps(table, critical, source)


def inputs_of(table: pl.DataFrame, law: Law) -> dict[str, np.ndarray]:
    """The law's inputs as float64 arrays."""
    return {name: table[name].cast(pl.Float64).to_numpy() for name in law.inputs}


def hold_fixed(points: Points, law: Law) -> Points:
    """Points on which `law` is to be fitted: for a law of one variable, those that share the other.

    A law in N is fitted at the token count shared by the most distinct sizes (ties: the largest count), a law
    in E or U at one size; values within 1% are one. If no two distinct points share one, all are kept
    (`shares_held` tells). Raises FitError if fewer distinct points than parameters are left.
    """
    held = _held(law, points)
    if held is not None and shares_held(points, law):
        points = _keep_widest(points, held, law.inputs[0])
    if law.early_stopped and {"E", "U"} <= set(points.table.columns):
        points = _keep_best_passes(points, law)
    if law.inputs == FRONTIER:
        points = _keep_unbeaten(points)
    _check_enough(points, law)
    return points


def shares_held(points: Points, law: Law) -> bool:
    """Whether two distinct values of a one-variable law's input share what it holds fixed."""
    held = _held(law, points)
    if held is None:
        return True
    return max(_distinct_by_group(points, held, law.inputs[0]).values()) > 1


def _keep_widest(points: Points, held: str, x: str) -> Points:
    """The group of one value of `held` with the most distinct `x`; ties go to the largest."""
    distinct = _distinct_by_group(points, held, x)
    chosen = max(distinct, key=lambda number: (distinct[number], number))
    kept = pl.Series(value_groups(_column(points, held)) == chosen)
    if kept.all():
        return points
    value = _column(points, held)[kept.to_numpy()].max()
    reason = f"{held} is not {text.count(value)}, the value shared by the most {_WORDS[x]}"
    exclusion = Exclusion(reason, int((~kept).sum()))
    return replace(points, table=points.table.filter(kept), excluded=(*points.excluded, exclusion))


def _keep_unbeaten(points: Points) -> Points:
    """The compute frontier: L(C) is what a budget can buy, not what any run made of it (Kaplan 2020, 3.3)."""
    kept = frontier_choice(points.table).points.sort("C", "loss")
    reason = "above the compute frontier: another point has no more loss for no more C"
    exclusion = Exclusion(reason, len(points.table) - len(kept))
    excluded = (*points.excluded, exclusion) if exclusion.n else points.excluded
    return replace(points, table=kept, excluded=excluded)


def frontier_choice(table: pl.DataFrame) -> BestPoints:
    """The choice of the compute frontier, by the mean log loss of runs that differ in their seeds alone."""
    cell = tuple(name for name in ("N", "E", "U") if name in table.columns)
    return BestPoints(table, "C", unbeaten=True, cell=cell)


def comparable(table: pl.DataFrame, fitted: pl.DataFrame, law: Law) -> pl.DataFrame:
    """The rows of `table` that share what a law of one variable held fixed. Raises FitError if none does."""
    held = _HELD_FIXED.get(law.inputs[0]) if len(law.inputs) == 1 else None
    if held is None or held not in fitted.columns or held not in table.columns:
        return table
    values = fitted[held].cast(pl.Float64).to_numpy()
    low, high = float(values.min()), float(values.max())
    if high > low * (1 + SAME_VALUE):
        return table
    edges = low / (1 + SAME_VALUE), high * (1 + SAME_VALUE)
    same = table.filter(pl.col(held).cast(pl.Float64).is_between(*edges))
    if same.is_empty():
        raise FitError(
            f"{law.name} was fitted at {held} = {text.count(low)}, and no point held out has that {held}"
        )
    return same


def _keep_best_passes(points: Points, law: Law) -> Points:
    """Of runs that differ in E alone, those of the E with the least mean loss: stopped early."""
    mean = points.table.group_by(*law.inputs, "E").agg(pl.col("loss").mean())
    best = mean.sort("loss").group_by(*law.inputs).first().select(*law.inputs, "E")
    kept = points.table.join(best, on=[*law.inputs, "E"], how="semi", maintain_order="left")
    exclusion = Exclusion("more or fewer passes over the same data do better", len(points.table) - len(kept))
    excluded = (*points.excluded, exclusion) if exclusion.n else points.excluded
    return replace(points, table=kept, excluded=excluded)


def _distinct_by_group(points: Points, held: str, x: str) -> dict[int, int]:
    """How many distinct `x` share each value of `held`, by group number (ascending with the value)."""
    group, values = value_groups(_column(points, held)), _column(points, x)
    return {int(number): len(np.unique(values[group == number])) for number in np.unique(group)}


def _check_enough(points: Points, law: Law) -> None:
    distinct, needed = points.table.select(law.inputs).n_unique(), len(law.parameters)
    if distinct < needed:
        dropped = "; ".join(f"{out.n} dropped: {out.reason}" for out in points.excluded if out.n)
        raise FitError(
            f"{law.name} has {needed} parameters ({', '.join(law.parameter_names)}), and there are only "
            f"{distinct} distinct points in {', '.join(law.inputs)}" + (f" ({dropped})" if dropped else "")
        )


def _column(points: Points, name: str) -> np.ndarray:
    return points.table[name].cast(pl.Float64).to_numpy()


def _held(law: Law, points: Points) -> str | None:
    """The column that a law of one variable holds fixed, if the points have it."""
    held = _HELD_FIXED[law.inputs[0]] if _holds(law) else None
    return held if held in points.table.columns else None


def _holds(law: Law) -> bool:
    """Whether it is a law of one variable that holds another fixed."""
    return len(law.inputs) == 1 and law.inputs[0] in _HELD_FIXED


def held_out(law: Law, inputs: Mapping[str, np.ndarray], runs: np.ndarray) -> np.ndarray | None:
    """Rows of the runs of the largest compute (a fifth, at least one); None if too few are left.

    Compute is NE for a law of N and E, C for a law of it, grows as a loss falls, and is else the product of
    the law's inputs. Runs of equal compute are held out together, so that what is predicted lies beyond what
    is fitted. Where all runs reach as far (curves over the context, say), these are the farthest rows.
    """
    size = _compute(inputs)
    names, index = np.unique(runs, return_inverse=True)
    largest = np.array([size[index == i].max() for i in range(len(names))])
    group, of_row = value_groups(largest), index
    if group.max() == 0:
        group, of_row = value_groups(size), np.arange(len(size))
    wanted = max(1, round(_HELD_OUT * len(group)))
    out = (group >= np.sort(group)[-wanted])[of_row]
    left = np.unique(np.stack([values[~out] for values in inputs.values()], axis=1), axis=0)
    return out if len(left) > len(law.parameters) else None


def _compute(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    if "C" in inputs:
        return inputs["C"]
    if "loss" in inputs:
        return 1 / inputs["loss"]
    used = ("N", "E") if {"N", "E"} <= set(inputs) else tuple(inputs)
    return np.prod([inputs[name] for name in used], axis=0)
