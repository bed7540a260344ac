"""The critical batch, measured on learning curves at several batch sizes.

B in tokens, S in steps, E in tokens, C in FLOPs. `quarry.analysis.laws.batch_size` has the equations: Kaplan
et al. 2020 (arXiv 2001.08361), section 5.1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy

from quarry.analysis.points.columns import ROW, check_columns
from quarry.analysis.points.minimum_steps import batch_column, batch_counts
from quarry.analysis.points.schema import SAME_VALUE
from quarry.checks import check_positive
from quarry.errors import FitError

MEASURED_COLUMNS: dict[str, pl.DataType] = {
    "N": pl.Float64(),
    "loss": pl.Float64(),
    "S_min": pl.Float64(),
    "E_min": pl.Float64(),
    "B_crit": pl.Float64(),
    "n_batches": pl.Int64(),
    "residual": pl.Float64(),  # root mean square of log S about the hyperbola
    "extrapolated": pl.Boolean(),  # B_crit lies outside the batches measured
}

_FEWEST_BATCHES, _LEVELS = 3, 10

# B_crit is searched within a factor 100 of the batches measured; beyond a factor 10 they hardly bound it.
_SEARCHED, _BOUNDED = 100.0, 10.0


@dataclass(frozen=True)
class _Curve:
    """The log steps of one run by falling log loss: both [levels]."""

    batch: float
    log_steps: np.ndarray
    log_losses: np.ndarray

    def log_steps_to(self, loss: float) -> float:
        """log S at `loss`; NaN where the curve begins below `loss` or ends above it."""
        falling = -self.log_losses
        return float(np.interp(-np.log(loss), falling, self.log_steps, left=np.nan, right=np.nan))


def measure_critical_batch(
    curves: pl.DataFrame, levels: Sequence[float] | None = None, source: str = "a table"
) -> pl.DataFrame:
    """B_crit by size and loss, from learning curves at three or more batches of each size.

    `curves` has the columns run, N, loss and two of S, B, E (or the record's step, batch_tokens, tokens), a
    row for each measurement; rows without a finite loss are left out. `levels` are losses in nats per token,
    by default ten between the highest and the lowest that three batches reach. The steps of each run to a
    level are interpolated in logarithms along its curve, smoothed so that it never rises, as far as its least
    loss. Returns the columns MEASURED_COLUMNS: S = S_min (1 + B_crit / B), fitted to log S by least squares
    (eq. 5.1). A level that three batches do not reach, or whose batches do not bound B_crit to within ten
    times their range, has no row. Raises PointsError for `curves` (messages call them `source`), FitError if
    no level has a row.
    """
    check_positive(FitError, levels=levels)
    rows = []
    for (n,), group in _measured(curves, source).group_by("N", maintain_order=True):
        of_size = list(_curves(group))
        for loss in _default_levels(of_size) if levels is None else levels:
            rows += _row(float(n), float(loss), of_size)  # type: ignore[arg-type]
    if not rows:
        raise FitError("no size has three batches that reach one loss and lie near enough to B_crit")
    return pl.from_dicts(rows, MEASURED_COLUMNS).sort("N", "loss")


def _measured(curves: pl.DataFrame, source: str) -> pl.DataFrame:
    """run, N, B, S and loss of the rows with a finite loss, by rising N."""
    check_columns(curves, ("run", "loss"), source, "a critical batch")
    finite = pl.col("loss").cast(pl.Float64, strict=False).is_finite()
    curves = curves.with_row_index(ROW, offset=1).filter(finite)
    counts = batch_counts(curves, source) | {
        name: batch_column(curves, name, source) for name in ("N", "loss")
    }
    return curves.select("run").with_columns(**{name: pl.Series(v) for name, v in counts.items()}).sort("N")


def _curves(of_size: pl.DataFrame) -> Iterator[_Curve]:
    for (run,), group in of_size.group_by("run", maintain_order=True):
        batch = group["B"].to_numpy()
        if np.ptp(batch) > SAME_VALUE * batch[0]:
            raise FitError(
                f"run {run} has more than one batch size, B={batch.min():g} to {batch.max():g} tokens"
            )
        yield _Curve(float(f"{np.median(batch):.6g}"), *_smoothed(group.sort("S")))


def _smoothed(run: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """log S and log loss of the nearest curve that never rises, as far as the least loss."""
    steps, losses = np.log(run["S"].to_numpy()), np.log(run["loss"].to_numpy())
    end = int(losses.argmin()) + 1
    smooth = scipy.optimize.isotonic_regression(losses[:end], increasing=False)
    starts = smooth.blocks[:-1]
    return np.add.reduceat(steps[:end], starts) / np.diff(smooth.blocks), smooth.x[starts]


def _default_levels(curves: list[_Curve]) -> np.ndarray:
    """Losses between the highest and the lowest that three batches reach; none if there are fewer."""
    batches = {curve.batch for curve in curves}
    if len(batches) < _FEWEST_BATCHES:
        return np.array([])
    ends = [
        (
            max(c.log_losses[0] for c in curves if c.batch == b),
            min(c.log_losses[-1] for c in curves if c.batch == b),
        )
        for b in batches
    ]
    high, low = (
        sorted(high for high, _ in ends)[-_FEWEST_BATCHES],
        sorted(low for _, low in ends)[_FEWEST_BATCHES - 1],
    )
    return np.exp(np.linspace(low, high, _LEVELS + 2)[1:-1]) if low < high else np.array([])


def _row(n: float, loss: float, curves: list[_Curve]) -> list[dict[str, Any]]:
    """The row of one size and loss, or none."""
    reached = [(curve.batch, curve.log_steps_to(loss)) for curve in curves]
    batch, log_steps = np.array([pair for pair in reached if np.isfinite(pair[1])]).reshape(-1, 2).T
    if len(np.unique(batch)) < _FEWEST_BATCHES:
        return []
    s_min, b_crit, residual = _hyperbola(batch, log_steps)
    low, high = batch.min(), batch.max()
    if not low / _BOUNDED <= b_crit <= high * _BOUNDED:
        return []
    row = {
        "N": n,
        "loss": loss,
        "S_min": s_min,
        "E_min": s_min * b_crit,
        "B_crit": b_crit,
        "residual": residual,
    }
    return [row | {"n_batches": len(np.unique(batch)), "extrapolated": bool(not low <= b_crit <= high)}]


def _hyperbola(batch: np.ndarray, log_steps: np.ndarray) -> tuple[float, float, float]:
    """S_min, B_crit and the residual; the best S_min for a B_crit is the mean that is left."""

    def left(log_b_crit: float) -> np.ndarray:
        return log_steps - np.log1p(np.exp(log_b_crit) / batch)

    bounds = (np.log(batch.min() / _SEARCHED), np.log(batch.max() * _SEARCHED))
    options = {"xatol": 1e-9}
    found = scipy.optimize.minimize_scalar(
        lambda x: float(np.var(left(x))), bounds=bounds, method="bounded", options=options
    )
    remainder = left(found.x)
    return float(np.exp(remainder.mean())), float(np.exp(found.x)), float(remainder.std())
