"""The losses of learning curves read at given budgets, between the points where they were measured."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import scipy

from quarry import text
from quarry.analysis.points.schema import SAME_VALUE
from quarry.errors import FitError

_FEWEST = 3
"""Losses that make a curve."""


def read_at(table: pl.DataFrame, flops: Sequence[float]) -> pl.DataFrame:
    """A row for each run and each C of `flops` inside its losses, with the budget that it is read at.

    Log loss is Akima's spline in log C, as Porian et al. 2024 (arXiv 2406.19146) read their runs. Rows of one
    run at one C count as their mean; a run of fewer than three losses is left out. Columns run, N, E, C,
    loss, U, budget and, if `table` has it, annealed. Raises FitError where no run reaches any C.
    """
    wanted = np.array(sorted(flops))
    rows = [
        row
        for (run, n), losses in table.group_by("run", "N", maintain_order=True)
        for row in _rows(str(run), float(n), losses, wanted)  # type: ignore[arg-type]
    ]
    if not rows:
        listed = ", ".join(text.power(c, 3) for c in wanted)
        raise FitError(f"read_at={listed}: no run has losses at less and at more compute than any of these")
    return pl.DataFrame(rows)


def _rows(run: str, n: float, losses: pl.DataFrame, wanted: np.ndarray) -> list[dict]:
    curve = losses.group_by("C").agg(pl.col("loss").log().mean(), pl.col("E", "U").first()).sort("C")
    if len(curve) < _FEWEST:
        return []
    cost = curve["C"].to_numpy()
    # A run ends after a whole step, so that its C misses its budget a little.
    inside = wanted[(wanted * (1 + SAME_VALUE) >= cost[0]) & (wanted <= cost[-1] * (1 + SAME_VALUE))]
    spline = scipy.interpolate.Akima1DInterpolator(np.log(cost), curve["loss"].to_numpy())
    loss = np.exp(spline(np.log(np.clip(inside, cost[0], cost[-1]))))
    tokens = inside / cost[-1] * curve["E"][-1]
    shared = {"run": run, "N": n, "U": curve["U"][-1]}
    if "annealed" in losses.columns:
        shared["annealed"] = bool(losses["annealed"].all())
    return [
        shared | {"E": e, "C": c, "loss": each, "budget": f"{c:g}"}
        for e, c, each in zip(tokens.tolist(), inside.tolist(), loss.tolist(), strict=True)
    ]
