"""Steps of a table of points as if the batch were small: S_min, E_min and C_min.

B in tokens, S in steps, E in tokens, C in FLOPs. `quarry.analysis.laws.batch_size` has the equations: Kaplan
et al. 2020 (arXiv 2001.08361), section 5.1.
"""

from collections.abc import Mapping

import numpy as np
import polars as pl

from quarry.analysis.laws.batch_size import (
    KAPLAN_CRITICAL_BATCH,
    critical_batch,
    minimum_compute,
    minimum_steps,
    minimum_tokens,
)
from quarry.analysis.points.columns import list_names, positive_numbers
from quarry.analysis.points.schema import BATCH, SAME_VALUE
from quarry.checks import check_positive
from quarry.errors import FitError, PointsError


def with_minimum_steps(
    points: pl.DataFrame, critical: Mapping[str, float] = KAPLAN_CRITICAL_BATCH, source: str = "a table"
) -> pl.DataFrame:
    """`points` with the columns S_min and E_min, and C_min where C is there.

    Needs the columns loss and two of S (or step), B (or batch_tokens), E (or tokens). `critical` has B_star
    and alpha_B, by default those of Kaplan et al. 2020, which hold for their data, tokens and losses. Raises
    PointsError for `points` (messages call them `source`), and FitError where `critical` is not these two
    positive numbers, or S_min is below one step, as with the critical batch of other data.
    """
    _check_critical(critical)
    counts = batch_counts(points, source)
    batch, b_crit = counts["B"], critical_batch(batch_column(points, "loss", source), critical)
    s_min = minimum_steps(counts["S"], batch, b_crit)
    _check_a_step(s_min, batch, b_crit)
    columns = {"S_min": s_min, "E_min": minimum_tokens(counts["E"], batch, b_crit)}
    if "C" in points.columns:
        columns["C_min"] = minimum_compute(batch_column(points, "C", source), batch, b_crit)
    return points.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def _check_critical(critical: Mapping[str, float]) -> None:
    if missing := {"B_star", "alpha_B"} - set(critical):
        raise FitError(f"critical needs B_star and alpha_B; {min(missing)} is missing")
    if strange := set(critical) - {"B_star", "alpha_B"}:
        raise FitError(f"critical has B_star and alpha_B only, not {min(strange)}")
    check_positive(FitError, **critical)


def at_small_batch(
    points: pl.DataFrame, critical: Mapping[str, float], source: str = "a table"
) -> pl.DataFrame:
    """`points` moved to a batch far below the critical one: C is C_min, and E is E_min.

    Needs C beside what `with_minimum_steps` needs, and raises what it raises.
    """
    return with_minimum_steps(points, critical, source).with_columns(C="C_min", E="E_min")


def batch_counts(table: pl.DataFrame, source: str) -> dict[str, np.ndarray]:
    """S, B and E [rows], the third from the other two by E = B S. Raises PointsError."""
    present = {
        symbol: next((name for name in names if name in table.columns), None)
        for symbol, names in BATCH.items()
    }
    counts = {symbol: batch_column(table, name, source) for symbol, name in present.items() if name}
    if len(counts) < 2:
        raise PointsError(f"{source}: needs two of the columns S, B and E; found {list_names(table.columns)}")
    steps = counts["S"] if "S" in counts else counts["E"] / counts["B"]
    batch = counts["B"] if "B" in counts else counts["E"] / steps
    tokens = counts.get("E", batch * steps)
    _check_one_batch(steps, batch, tokens, source)
    return {"S": steps, "B": batch, "E": tokens}


def _check_one_batch(steps: np.ndarray, batch: np.ndarray, tokens: np.ndarray, source: str) -> None:
    wrong = np.abs(tokens / (batch * steps) - 1) > SAME_VALUE
    if wrong.any():
        row = int(wrong.argmax())
        raise PointsError(
            f"{source}: row {row + 1}: E={tokens[row]:g} is not B S = {batch[row]:g} x {steps[row]:g}; "
            "the adjustment needs one batch for the whole run"
        )


def _check_a_step(s_min: np.ndarray, batch: np.ndarray, b_crit: np.ndarray) -> None:
    if (s_min < 1).any():
        row = int((s_min < 1).argmax())
        raise FitError(
            f"row {row + 1}: S_min={s_min[row]:.3g} is less than one step, at B={batch[row]:g} and "
            f"B_crit={b_crit[row]:.3g} tokens; measure B_crit on these data, or leave such points out"
        )


def batch_column(table: pl.DataFrame, name: str, source: str) -> np.ndarray:
    """The positive numbers [rows] of one column. Raises PointsError."""
    return positive_numbers(table, [name], source, "the batch adjustment")[name].to_numpy()
