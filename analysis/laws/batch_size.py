"""The batch's price: S_min, E_min and C_min, the critical batch, and the gradient noise scale.

B in tokens, S in steps, E in tokens, C in FLOPs. To one loss, (S / S_min - 1)(E / E_min - 1) = 1 and
B_crit = E_min / S_min: Kaplan et al. 2020 (arXiv 2001.08361), eq. 5.1, after McCandlish et al. 2018 (arXiv
1812.06162).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy

from quarry.analysis.laws.kaplan import CRITICAL_BATCH
from quarry.analysis.laws.law import Values
from quarry.analysis.laws.published import PUBLISHED
from quarry.checks import check_positive
from quarry.errors import FitError

KAPLAN_CRITICAL_BATCH = PUBLISHED["critical-batch"].params
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

COLUMNS = {"S": ("S", "step"), "B": ("B", "batch_tokens"), "E": ("E", "tokens")}
"""The names of steps, batch and tokens: in tables of points, and in the record's."""
_SAME_TOKENS = 0.01
_BATCHES, _LEVELS = 3, 10
# B_crit is searched within a factor 100 of the batches measured; beyond a factor 10 they hardly bound it.
_SEARCHED, _BOUNDED = 100.0, 10.0


def minimum_steps(steps: Any, batch: Any, b_crit: Any) -> Any:
    """S_min = S / (1 + B_crit / B), the steps at a batch far above B_crit (eq. 5.4)."""
    return steps / (1 + b_crit / batch)


def minimum_tokens(tokens: Any, batch: Any, b_crit: Any) -> Any:
    """E_min = E / (1 + B / B_crit), the tokens at a batch far below B_crit."""
    return tokens / (1 + batch / b_crit)


def minimum_compute(flops: Any, batch: Any, b_crit: Any) -> Any:
    """C_min = C / (1 + B / B_crit), the FLOPs at a batch far below B_crit (eq. 5.5)."""
    return flops / (1 + batch / b_crit)


def critical_batch(loss: Any, params: Values) -> Any:
    """B_crit(L) = B_star / L^(1 / alpha_B), in tokens (eq. 1.4)."""
    return CRITICAL_BATCH.predict(params, {"loss": loss})


def with_minimum_steps(
    points: pl.DataFrame, critical: Mapping[str, float] = KAPLAN_CRITICAL_BATCH
) -> pl.DataFrame:
    """`points` with the columns S_min and E_min, and C_min where C is there.

    Needs the columns loss and two of S (or step), B (or batch_tokens), E (or tokens). `critical` has B_star
    and alpha_B, by default those of Kaplan et al. 2020, which hold for their data, tokens and losses. Raises
    FitError, also where S_min comes out below one step, as it does with a B_crit of other data.
    """
    counts = _counts(points)
    batch, b_crit = counts["B"], critical_batch(_positive(points, "loss"), critical)
    found = {
        "S_min": minimum_steps(counts["S"], batch, b_crit),
        "E_min": minimum_tokens(counts["E"], batch, b_crit),
    }
    _check_a_step(found["S_min"], batch, b_crit)
    if "C" in points.columns:
        found["C_min"] = minimum_compute(_positive(points, "C"), batch, b_crit)
    return points.with_columns(**{name: pl.Series(values) for name, values in found.items()})


def _counts(table: pl.DataFrame) -> dict[str, np.ndarray]:
    """S, B and E, the third from the other two by E = B S."""
    names = {symbol: [name for name in names if name in table.columns] for symbol, names in COLUMNS.items()}
    found = {symbol: _positive(table, present[0]) for symbol, present in names.items() if present}
    if len(found) < 2:
        raise FitError(f"needs two of the columns S, B and E; found {', '.join(table.columns) or 'nothing'}")
    steps = found["S"] if "S" in found else found["E"] / found["B"]
    batch = found["B"] if "B" in found else found["E"] / steps
    tokens = found.get("E", batch * steps)
    _check_one_batch(steps, batch, tokens)
    return {"S": steps, "B": batch, "E": tokens}


def _check_one_batch(steps: np.ndarray, batch: np.ndarray, tokens: np.ndarray) -> None:
    wrong = np.abs(tokens / (batch * steps) - 1) > _SAME_TOKENS
    if wrong.any():
        row = int(wrong.argmax())
        raise FitError(
            f"row {row + 1}: E={tokens[row]:g} is not B S = {batch[row]:g} x {steps[row]:g}; "
            "the adjustment needs one batch for the whole run"
        )


def _check_a_step(s_min: np.ndarray, batch: np.ndarray, b_crit: np.ndarray) -> None:
    if (s_min < 1).any():
        row = int((s_min < 1).argmax())
        raise FitError(
            f"row {row + 1}: S_min={s_min[row]:.3g} is less than one step, at B={batch[row]:g} and "
            f"B_crit={b_crit[row]:.3g} tokens; measure B_crit on these data, or leave such points out"
        )


def _positive(table: pl.DataFrame, name: str) -> np.ndarray:
    if name not in table.columns:
        raise FitError(f"needs the column {name}; found {', '.join(table.columns) or 'nothing'}")
    values = table[name].cast(pl.Float64, strict=False)
    wrong = ~(values.is_finite() & (values > 0)).fill_null(False)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise FitError(f"column {name}, row {row + 1}: {table[name][row]} is not a positive number")
    return values.to_numpy()


@dataclass(frozen=True)
class _Curve:
    """Of one run, log S by falling log loss."""

    batch: float
    log_steps: np.ndarray
    log_losses: np.ndarray

    def log_steps_to(self, loss: float) -> float:
        """Not a number where the curve begins below `loss` or ends above it."""
        falling = -self.log_losses
        return float(np.interp(-np.log(loss), falling, self.log_steps, left=np.nan, right=np.nan))


def measure_critical_batch(curves: pl.DataFrame, levels: Sequence[float] | None = None) -> pl.DataFrame:
    """B_crit by size and loss, from learning curves at three or more batches of each size.

    `curves` has the columns run, N, loss and two of S, B, E (or the record's step, batch_tokens, tokens), a
    row for each measurement; rows without a finite loss are left out. `levels` are losses in nats per token,
    by default ten between the highest and the lowest that three batches reach. The steps of each run to a
    level are interpolated in logarithms along its curve, smoothed so that it never rises, as far as its least
    loss. Returns the columns MEASURED_COLUMNS: S = S_min (1 + B_crit / B), fitted to log S by least squares
    (eq. 5.1). A level that three batches do not reach, or whose batches do not bound B_crit to within ten
    times their range, has no row. Raises FitError if none has one.
    """
    check_positive(FitError, levels=levels)
    rows = []
    for (n,), group in _measured(curves).group_by("N", maintain_order=True):
        of_size = list(_curves(group))
        for loss in _default_levels(of_size) if levels is None else levels:
            rows += _row(float(n), float(loss), of_size)  # type: ignore[arg-type]
    if not rows:
        raise FitError("no size has three batches that reach one loss and lie near enough to B_crit")
    return pl.from_dicts(rows, MEASURED_COLUMNS).sort("N", "loss")


def _measured(curves: pl.DataFrame) -> pl.DataFrame:
    """run, N, B, S and loss of the rows with a finite loss."""
    for name in ("run", "loss"):
        if name not in curves.columns:
            raise FitError(f"needs the column {name}; found {', '.join(curves.columns) or 'nothing'}")
    curves = curves.filter(pl.col("loss").cast(pl.Float64, strict=False).is_finite())
    counts = _counts(curves) | {name: _positive(curves, name) for name in ("N", "loss")}
    return curves.select("run").with_columns(**{name: pl.Series(v) for name, v in counts.items()}).sort("N")


def _curves(of_size: pl.DataFrame) -> Iterator[_Curve]:
    for (run,), group in of_size.group_by("run", maintain_order=True):
        batch = group["B"].to_numpy()
        if np.ptp(batch) > _SAME_TOKENS * batch[0]:
            raise FitError(f"run {run}: its batch is not one, B={batch.min():g} to {batch.max():g} tokens")
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
    if len(batches) < _BATCHES:
        return np.array([])
    ends = [
        (
            max(c.log_losses[0] for c in curves if c.batch == b),
            min(c.log_losses[-1] for c in curves if c.batch == b),
        )
        for b in batches
    ]
    high, low = sorted(high for high, _ in ends)[-_BATCHES], sorted(low for _, low in ends)[_BATCHES - 1]
    return np.exp(np.linspace(low, high, _LEVELS + 2)[1:-1]) if low < high else np.array([])


def _row(n: float, loss: float, curves: list[_Curve]) -> list[dict[str, Any]]:
    """The row of one size and loss, or none."""
    reached = [(curve.batch, curve.log_steps_to(loss)) for curve in curves]
    batch, log_steps = np.array([pair for pair in reached if np.isfinite(pair[1])]).reshape(-1, 2).T
    if len(np.unique(batch)) < _BATCHES:
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


@dataclass(frozen=True)
class NoiseScale:
    """|G|^2, tr Sigma for a batch of 1, and `b_simple` = tr Sigma / |G|^2, in the unit of the batches."""

    g_squared: float
    trace: float
    b_simple: float


def simple_noise_scale(
    small_norms: np.ndarray, big_norms: np.ndarray, small: float, big: float
) -> NoiseScale:
    """The simple noise scale from square norms of the gradient over two batch sizes, [steps] each.

    `small` and `big` are the two batches, in any one unit. Both unbiased estimates are averaged over the
    steps before the ratio is taken. Where data repeat, batches are no fresh draws, and it is the noise of the
    training set. Raises FitError. McCandlish et al. 2018 (arXiv 1812.06162), appendix A.1 (recalled).
    """
    if not 0 < small < big < np.inf:
        raise FitError(f"small={small}, big={big}: the batches must be positive and small below big")
    norms = [np.asarray(values, float) for values in (small_norms, big_norms)]
    for name, values in zip(("small_norms", "big_norms"), norms, strict=True):
        if values.size == 0 or not (np.isfinite(values) & (values >= 0)).all():
            raise FitError(f"{name}: square norms must be finite, not negative, and at least one")
    of_small, of_big = (float(values.mean()) for values in norms)
    g_squared = (big * of_big - small * of_small) / (big - small)
    trace = (of_small - of_big) / (1 / small - 1 / big)
    if g_squared <= 0 or trace <= 0:
        raise FitError(
            f"|G|^2={g_squared:g}, tr Sigma={trace:g}: too few steps to tell the gradient from its noise"
        )
    return NoiseScale(g_squared, trace, trace / g_squared)
