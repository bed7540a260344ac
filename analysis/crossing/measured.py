"""Where measured L(C) and L(D) cross when each is extrapolated alone, and how far the runs determine it.

`quarry.analysis.crossing.known_laws` has the crossing of two known laws, and why its spread is described by
quantiles. Here the laws are fitted to points, and the runs are resampled.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.crossing.crossing_warnings import crossing_warnings
from quarry.analysis.crossing.four_laws import drawn_laws
from quarry.analysis.crossing.known_laws import (
    log10_meeting,
    meeting,
)
from quarry.analysis.crossing.law_draws import OFFSETS, Samples
from quarry.analysis.crossing.misfit import measure_misfits, shifted_positions
from quarry.analysis.crossing.result import CrossingResult
from quarry.analysis.fitting.bootstrap import resample
from quarry.analysis.points.columns import positive_numbers
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.schema import SCALE, repeats_data
from quarry.checks import check_choice, check_settings
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.crossing.misfit import Misfits
    from quarry.analysis.points.table import Points


def find_crossing(
    points: PointsLike,
    *,
    offset: str = "none",
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.9,
) -> CrossingResult:
    """Fit L(C), L(D) and D(C) to the points, and find where the first two cross.

    L(C), D(C) and N(C) come from the unbeaten points of at most one epoch; L(D) from the least loss at each U
    that some run read more than once. L(C) and L(D) are fitted to log loss as `fit` does, D(C) and N(C) by
    least squares of logarithms; replicates enter by their mean. Everything is computed again in each draw of
    the runs, the choice of points included.

    Args:
        points: A path, a data frame or `Points` with N, E, U and loss, some of it on repeated data.
        offset: The irreducible loss of L(C) and L(D): none, shared or separate.
        bootstrap: The resamples of the runs; 0 gives no interval.
        seed: The seed of the resamples.
        level: The probability of the interval.

    Returns:
        The crossing or its absence, the four laws, and its interval: over the draws of the runs, with a
        misfit of L(C) and of L(D) that grows with the distance beyond their points.

    Raises:
        PointsError: The points cannot be read.
        FitError: The points or the settings do not allow the fit.

    Examples:
        >>> import polars as pl
        >>> import quarry
        >>> once = [(6e9 * 4**i, 1e4 * 2**i, 1e5 * 2**i) for i in range(5)]
        >>> rows = [{"N": n, "U": e, "E": e, "loss": (1e20 / c) ** 0.05} for c, n, e in once]
        >>> rows += [{"N": 1e6, "U": u, "E": 8 * u, "loss": (1e14 / u) ** 0.05} for _, _, u in once]
        >>> found = quarry.find_crossing(pl.DataFrame(rows), bootstrap=0)
        >>> f"{found.crossing.flops:.3g}"
        '1.67e+12'
    """
    check_choice(FitError, "offset", offset, OFFSETS)
    check_settings(FitError, bootstrap, seed, level)
    points = _checked(points)
    samples = Samples.of(points.table, offset)
    fitted = samples.fit()
    draws = samples.refit(resample(samples.runs, bootstrap, seed), fitted) if bootstrap else {}
    laws = next(drawn_laws(fitted))
    misfits = measure_misfits(samples, laws, bootstrap, seed, level) if bootstrap else {}
    result = CrossingResult(
        meeting(*laws),
        *laws,
        offset=offset,
        log10_flops=_positions(draws),
        log10_shifted=_shifted(draws, misfits, samples.compute.points["C"]),
        misfits=misfits,
        level=level,
        draws=draws,
        frontier=samples.compute.points,
        floor=samples.data.points,
        excluded=(*points.excluded, *samples.left_out()),
        settings={"bootstrap": bootstrap, "seed": seed, "source": points.source, "count": points.count},
        warnings=(),
    )
    return replace(result, warnings=(*points.remarks, *crossing_warnings(result, samples)))


def _checked(points: PointsLike) -> "Points":
    """`points` with positive sizes and losses, some on repeated data. Raises PointsError, FitError."""
    points = as_points(points)
    table = positive_numbers(points.table, (*SCALE, "loss"), points.source, "the crossing")
    if not table.select(repeats_data()).to_series().any():
        raise FitError(
            "every point is a single pass (E is at most U; without a column U, U is E): L(D), the least loss "
            "from D unique tokens over any number of epochs, needs runs that read their data again; the "
            "one-pass learning curve is another law"
        )
    return replace(points, table=table)


def _positions(draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """log10 C* of each draw, nan where it was not fitted."""
    if not draws:
        return np.array([])
    positions = np.full(len(draws["p"]), np.nan)
    positions[~np.isnan(draws["p"])] = [log10_meeting(*laws[:3]) for laws in drawn_laws(draws)]
    return positions


def _shifted(draws: Mapping[str, np.ndarray], misfits: "Misfits", compute: pl.Series) -> np.ndarray:
    """log10 C* of each draw with the misfits of both laws, nan where it was not fitted."""
    if not draws:
        return np.array([])
    return shifted_positions(draws, misfits, math.log10(compute.to_numpy().min()))
