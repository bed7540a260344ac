"""The gradient noise scale of runs along their losses, beside the critical batch of a sweep of batches.

B in tokens. McCandlish et al. 2018 (arXiv 1812.06162): B_noise = tr Sigma / |G|^2, both averaged over steps.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.special

from quarry.analysis.points.critical_batch import measure_critical_batch
from quarry.analysis.points.curves import RUN
from quarry.errors import FitError, PointsError
from quarry.train.record.points_table import find_runs, points_table
from quarry.train.record.run_directory import RunDirectory

NOISE_COLUMNS: dict[str, pl.DataType] = {
    "run": pl.String(),
    "N": pl.Float64(),  # non-embedding parameters
    "B": pl.Float64(),  # batch of the run, tokens
    "S": pl.Int64(),  # the last step of the window
    "E": pl.Float64(),
    "loss": pl.Float64(),  # of the batches, mean over the window, nats per token
    "g_squared": pl.Float64(),
    "trace_sigma": pl.Float64(),  # of a batch of one token
    "B_noise": pl.Float64(),  # null where the gradient does not stand out of its noise
    "B_noise_low": pl.Float64(),
    "B_noise_high": pl.Float64(),
    "rows": pl.Int64(),  # logged steps in the window
}

_BLOCKS, _FEWEST_ROWS = 10, 5


def noise_scales(runs: Path, level: float = 0.95) -> pl.DataFrame:
    """B_noise of every run in windows that each end at twice the step of the one before: NOISE_COLUMNS.

    In a window |G|^2 and tr Sigma are averaged over the logged steps before their ratio. Intervals are of a
    jackknife over up to ten blocks of steps. A run of steps of one pass has a row, without interval, for each
    evaluation that measured them (`evaluation.noise_parts`). Raises PointsError if no run logged them.
    """
    rows = [row for run in find_runs(runs) for row in _windows(run, level) or _probed(run)]
    if not rows:
        raise PointsError(
            f"{runs}: no run logged its gradient noise at {_FEWEST_ROWS} steps; it is measured at logged "
            "steps of several passes: set micro_batch_tokens below batch_tokens, or evaluation.noise_parts"
        )
    return pl.from_dicts(rows, NOISE_COLUMNS).sort("N", "run", "S")


def _windows(run: RunDirectory, level: float) -> list[dict[str, Any]]:
    logged = [row for row in run.rows(run.metrics) if row.get("g_squared") is not None]
    record, found = run.read_run(), []
    end = logged[-1]["step"] if logged else 0
    while (inside := [row for row in logged if end / 2 < row["step"] <= end]) and len(inside) >= _FEWEST_ROWS:
        pairs = np.array([(row["g_squared"], row["trace_sigma"]) for row in inside])
        about = {"run": run.name, "N": record.get("n_nonembedding"), "B": record.get("batch_tokens")}
        at = {"S": inside[-1]["step"], "E": inside[-1]["tokens"], "rows": len(inside)}
        losses = [row["loss"] for row in inside if row["loss"] is not None]
        found.append(about | at | {"loss": float(np.mean(losses))} | _ratio(pairs, level))
        end //= 2
    return found


def _probed(run: RunDirectory) -> list[dict[str, Any]]:
    """A row for each evaluation that measured the noise, with the validation loss."""
    about = {"run": run.name, "N": (record := run.read_run()).get("n_nonembedding")}
    about |= {"B": record.get("batch_tokens"), "rows": 1}
    return [
        about | {"S": row["step"], "E": row["tokens"], "loss": row["loss"]} | _ratio(np.array([pair]), 0.5)
        for row in run.rows(run.evals)
        if row["split"] == "validation" and row["loss"] is not None
        for pair in [(row.get("g_squared"), row.get("trace_sigma"))]
        if None not in pair
    ]


def _ratio(pairs: np.ndarray, level: float) -> dict[str, float | None]:
    """B_noise of pairs (|G|^2, tr Sigma) [rows, 2], and its interval by a jackknife over blocks of rows."""
    g_squared, trace = (float(mean) for mean in pairs.mean(0))
    found: dict[str, float | None] = {"g_squared": g_squared, "trace_sigma": trace, "B_noise": None}
    found |= {"B_noise_low": None, "B_noise_high": None}
    if g_squared <= 0 or trace <= 0:
        return found
    if len(pairs) == 1:
        return found | {"B_noise": trace / g_squared}
    blocks = np.array_split(np.arange(len(pairs)), min(_BLOCKS, len(pairs)))
    left = np.array([np.delete(pairs, block, axis=0).mean(0) for block in blocks])
    low, high = _jackknife(left[:, 1] / left[:, 0], trace / g_squared, level)
    return found | {"B_noise": trace / g_squared, "B_noise_low": low, "B_noise_high": high}


def _jackknife(left_out: np.ndarray, value: float, level: float) -> tuple[float | None, float | None]:
    """The interval of log `value` from estimates without one unit each; open where one is not positive."""
    n = len(left_out)
    if n < 2 or not (np.isfinite(left_out) & (left_out > 0)).all():
        return None, None
    logs = np.log(left_out)
    error = np.sqrt((n - 1) / n * ((logs - logs.mean()) ** 2).sum())
    half = float(scipy.special.stdtrit(n - 1, (1 + level) / 2) * error)
    return value * np.exp(-half), value * np.exp(half)


def critical_batches(runs: Path, level: float = 0.95) -> pl.DataFrame:
    """B_crit of the sweep of batches beside B_noise, by size and loss, each with its interval.

    Columns N, loss, S_min, E_min, B_crit, B_crit_low, B_crit_high (a jackknife over the runs of the sweep),
    n_batches, extrapolated, B_noise, B_noise_low, B_noise_high (interpolated in the logarithm of the loss
    along each run, then the geometric mean over runs with Student's t; of one run, its own interval). Without
    three batches of any size there is no B_crit. Raises PointsError as `noise_scales`.
    """
    noise = noise_scales(runs, level).drop_nulls("B_noise")
    sweep = _sweep(runs, level)
    if sweep.is_empty():
        levels = noise.select("N", "loss").unique().sort("N", "loss")
    else:
        levels = sweep.select("N", "loss")
    at = [
        row | _noise_at(noise.filter(pl.col("N") == row["N"]), row["loss"], level)
        for row in levels.to_dicts()
    ]
    schema = {name: pl.Float64() for name in ("N", "loss", "B_noise", "B_noise_low", "B_noise_high")}
    return sweep.join(pl.from_dicts(at, schema), on=["N", "loss"], how="right").sort("N", "loss")


def _sweep(runs: Path, level: float) -> pl.DataFrame:
    """`measure_critical_batch` of the validation losses, with the interval of B_crit; empty without one."""
    points = points_table(runs).filter(split="validation")
    columns = {"N": pl.col("n_nonembedding").cast(pl.Float64), "S": "step", "B": "batch_tokens"}
    curves = points.select(RUN, "loss", **columns)
    try:
        found = measure_critical_batch(curves, source=str(runs))
    except (FitError, PointsError):
        empty = {name: pl.Float64() for name in ("N", "loss", "S_min", "E_min", "B_crit")}
        return pl.DataFrame(schema=empty).with_columns(**_ends([], []))
    ends = [_sweep_interval(curves, row, level) for row in found.iter_rows(named=True)]
    return found.with_columns(**_ends(*zip(*ends, strict=True)))


def _ends(low: Any, high: Any) -> dict[str, pl.Series]:
    return {
        f"B_crit_{name}": pl.Series(values, dtype=pl.Float64)
        for name, values in (("low", low), ("high", high))
    }


def _sweep_interval(
    curves: pl.DataFrame, row: dict[str, Any], level: float
) -> tuple[float | None, float | None]:
    """The interval of B_crit at one size and loss, from sweeps without one of the runs each."""
    own, left_out = curves.filter(pl.col("N") == row["N"]), []
    for run in own["run"].unique(maintain_order=True):
        try:
            found = measure_critical_batch(own.filter(pl.col("run") != run), [row["loss"]])
        except FitError:
            return None, None  # without this run the batches do not bound B_crit
        left_out.append(found["B_crit"].item())
    return _jackknife(np.array(left_out), row["B_crit"], level)


def _noise_at(noise: pl.DataFrame, loss: float, level: float) -> dict[str, float | None]:
    """B_noise at `loss`, over the runs whose windows span it."""
    found = [ends for _, run in noise.group_by("run", maintain_order=True) if (ends := _along(run, loss))]
    if not found:
        return dict.fromkeys(("B_noise", "B_noise_low", "B_noise_high"))
    logs = np.array([value for value, _, _ in found])
    if len(found) == 1:
        low, high = found[0][1:]
    else:
        half = scipy.special.stdtrit(len(logs) - 1, (1 + level) / 2) * logs.std(ddof=1) / np.sqrt(len(logs))
        low, high = logs.mean() - half, logs.mean() + half
    return {
        "B_noise": float(np.exp(logs.mean())),
        "B_noise_low": None if np.isnan(low) else float(np.exp(low)),
        "B_noise_high": None if np.isnan(high) else float(np.exp(high)),
    }


def _along(run: pl.DataFrame, loss: float) -> tuple[float, float, float] | None:
    """log B_noise and the ends of its interval, interpolated in log loss; None outside the run's losses."""
    ordered = run.sort("loss")
    losses = np.log(ordered["loss"].to_numpy())
    if not losses[0] <= np.log(loss) <= losses[-1]:
        return None
    columns = (ordered[name].to_numpy().astype(float) for name in ("B_noise", "B_noise_low", "B_noise_high"))
    value, low, high = (float(np.interp(np.log(loss), losses, np.log(column))) for column in columns)
    return value, low, high
