"""Points of runs with S_min, E_min, C_min by their own critical batch (Kaplan et al. 2020, section 5.1)."""

from pathlib import Path
from typing import Literal

import polars as pl

from quarry.analysis.fitting.estimation import fit
from quarry.analysis.instruments.noise_scale import critical_batches, noise_scales
from quarry.analysis.laws.batch_size import critical_batch, minimum_steps
from quarry.analysis.points.curves import RUN
from quarry.analysis.points.minimum_steps import with_minimum_steps
from quarry.errors import FitError
from quarry.train.record.points_table import points_table

By = Literal["noise", "sweep"]


def critical_batch_law(runs: Path, by: By, level: float = 0.95) -> dict[str, float]:
    """B_star and alpha_B of B_crit(L), fitted to the noise scale of runs or to their sweep of batches.

    Raises FitError where there is too little to fit, PointsError as `critical_batches`.
    """
    if by == "noise":
        table = noise_scales(runs, level).drop_nulls("B_noise").rename({"B_noise": "B_crit"})
    else:
        table = critical_batches(runs, level).drop_nulls("B_crit")
        table = table.with_columns(run=pl.col("N").cast(pl.String))
    if table["loss"].n_unique() < 3:
        raise FitError(
            f"{runs}: the critical batch by {by} is known at {len(table)} losses, and its law needs three or "
            "more; train runs of several batches, or log more steps"
        )
    return dict(fit(table.select("run", "loss", "B_crit"), "critical-batch", bootstrap=0).params)


def adjusted_points(runs: Path, by: By, level: float = 0.95) -> tuple[pl.DataFrame, str]:
    """The validation points with S_min, E_min and C_min (of 6 N E), and a sentence on how they were made.

    Points whose S_min is less than one step are left out: they are before the first step of a large batch.
    """
    law = critical_batch_law(runs, by, level)
    points = points_table(runs).filter(pl.col("split") == "validation", pl.col("loss").is_finite())
    points = points.with_columns(RUN, C="flops_6ne")
    least = minimum_steps(
        points["step"], points["batch_tokens"], critical_batch(points["loss"].to_numpy(), law)
    )
    kept = with_minimum_steps(points.filter(least >= 1), law, str(runs))
    left = len(points) - len(kept)
    said = f"B_crit = {law['B_star']:.3g} tokens / L^(1/{law['alpha_B']:.3g}) by {by}; {len(kept)} points"
    return kept, f"{said}, {left} left out with S_min below one step" if left else said
