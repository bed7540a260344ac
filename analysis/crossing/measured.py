"""Where measured L(C) and L(D) cross when each is carried on alone, and how far the runs determine it.

`quarry.analysis.crossing.known_laws` has the crossing of two known laws and why its spread is told by
quantiles; here
the laws are fitted to points, and the runs resampled.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.allocation.trends import measurement_warnings
from quarry.analysis.crossing.known_laws import (
    Crossing,
    Growth,
    LossLaw,
    NoCrossing,
    flops_interval,
    flops_median,
    log10_meeting,
    meeting,
    never_share,
)
from quarry.analysis.crossing.law_draws import OFFSETS, Laws, Samples, drawn_laws
from quarry.analysis.fitting.bootstrap import resample
from quarry.analysis.fitting.warnings import rejection
from quarry.analysis.points.columns import positive_numbers
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.schema import SCALE, repeats_data
from quarry.analysis.points.table import Exclusion, Points
from quarry.checks import check_choice, check_settings
from quarry.errors import FitError

# A law read more than so many decades outside its fitted range is flagged.
_FAR = 1.0


@dataclass(frozen=True)
class Reading:
    """Where a law is read at the crossing: `at`, against what it was fitted on, `low` to `high`."""

    law: str
    low: float
    high: float
    at: float

    @property
    def decades(self) -> float:
        """How many decades outside the fitted range: positive above it, negative below it."""
        return max(0.0, math.log10(self.at / self.high)) + min(0.0, math.log10(self.at / self.low))


@dataclass(frozen=True)
class CrossingResult:
    """The crossing of separately fitted laws, and how far the runs determine it.

    `log10_flops` [draws] are log10 C* of the bootstrap by run: inf where L(C) never falls below L(D(C)), 0
    where it lies below from 1 FLOP on, nan where a draw holds too few points for the laws. `draws` [draws]
    are the refitted parameters by name, with D(C) = D_0 C^p and N(C) = N_0 C^q. `frontier` and `floor` are
    the points that L(C) and L(D) were fitted on.
    """

    crossing: Crossing | NoCrossing
    compute: LossLaw
    data: LossLaw
    tokens: Growth
    sizes: Growth
    offset: str
    log10_flops: np.ndarray
    level: float
    draws: dict[str, np.ndarray]
    frontier: pl.DataFrame
    floor: pl.DataFrame
    excluded: tuple[Exclusion, ...]
    settings: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def laws(self) -> Laws:
        return Laws(self.compute, self.data, self.tokens, self.sizes)

    @property
    def convention(self) -> str:
        return self.crossing.convention

    @property
    def median(self) -> float | None:
        """Of C*, in FLOPs; None where it is no such number."""
        return flops_median(self.log10_flops)

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Of C* at `level`, in FLOPs; None on a side that is no such number."""
        return flops_interval(self.log10_flops, self.level)

    @property
    def p_none(self) -> float | None:
        """The share of the fitted draws without a crossing."""
        return never_share(self.log10_flops)

    @property
    def p_unfitted(self) -> float | None:
        """The share of the draws that were not fitted."""
        return float(np.isnan(self.log10_flops).mean()) if len(self.log10_flops) else None

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Where L(C), L(D) and N(C) are read at the crossing, if there is one."""
        if isinstance(self.crossing, NoCrossing):
            return ()
        read = (
            ("L(C)", self.frontier["C"], self.crossing.flops),
            ("L(D)", self.floor["U"], self.crossing.tokens),
            ("N(C)", self.frontier["N"], self.sizes.at(self.crossing.flops)),
        )
        return tuple(
            Reading(law, float(x.to_numpy().min()), float(x.to_numpy().max()), at) for law, x, at in read
        )

    def losses(self, flops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """L(C) and L(D(C)) of each fitted draw at `flops`: both [fitted draws, flops]."""
        laws = list(drawn_laws(self.draws))
        compute = [own.compute.at(flops) for own in laws]
        return np.array(compute), np.array([own.data.at(own.tokens.at(flops)) for own in laws])

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values; `log10_flops` has a null for each fitted draw without a crossing."""
        fitted = self.log10_flops[~np.isnan(self.log10_flops)]
        plain = ("convention", "offset", "median", "interval", "level", "p_none", "p_unfitted", "settings")
        return {name: getattr(self, name) for name in plain} | {
            "crossing": asdict(self.crossing),
            "laws": {name: asdict(getattr(self, name)) for name in ("compute", "data", "tokens", "sizes")},
            "log10_flops": [float(value) if math.isfinite(value) else None for value in fitted],
            "readings": [asdict(reading) | {"decades": reading.decades} for reading in self.readings],
            "points": {"frontier": len(self.frontier), "floor": len(self.floor)},
            "excluded": [asdict(exclusion) for exclusion in self.excluded],
            "warnings": list(self.warnings),
        }


def find_crossing(
    points: PointsLike,
    *,
    offset: str = "none",
    bootstrap: int = 1000,
    seed: int = 0,
    level: float = 0.9,
) -> CrossingResult:
    """Fit L(C), L(D) and D(C) to `points`, and read where the first two cross.

    L(C), D(C) and N(C) come from the unbeaten points of at most one epoch; L(D) from the least loss at each U
    that some run read more than once. L(C) and L(D) are fitted to log loss as `fit` does, D(C) and N(C) by
    least squares of logarithms; seeds alike are judged by their mean. Everything, the choice of points
    included, is done again in each draw of the runs. `points` need N, E, U, C and loss; a table without a
    column run has a run in each row. `level` is that of the interval. Raises FitError.
    """
    check_choice(FitError, "offset", offset, OFFSETS)
    check_settings(FitError, bootstrap, seed, level)
    points = _checked(points)
    samples = Samples.of(points.table, offset)
    fitted = samples.fit()
    draws = samples.refit(resample(samples.runs, bootstrap, seed), fitted) if bootstrap else {}
    laws = next(drawn_laws(fitted))
    result = CrossingResult(
        meeting(*laws),
        *laws,
        offset=offset,
        log10_flops=_positions(draws),
        level=level,
        draws=draws,
        frontier=samples.compute.points,
        floor=samples.data.points,
        excluded=(*points.excluded, *samples.left_out()),
        settings={"bootstrap": bootstrap, "seed": seed, "source": points.source, "count": points.count},
        warnings=(),
    )
    return replace(result, warnings=tuple(_warnings(result, samples)))


def _checked(points: PointsLike) -> Points:
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


def _warnings(result: CrossingResult, samples: Samples) -> Iterator[str]:
    for reading in result.readings:
        if abs(reading.decades) > _FAR:
            side = "above" if reading.decades > 0 else "below"
            yield (
                f"{reading.law} is read {abs(reading.decades):.1f} decades {side} its fitted range: an "
                "extrapolation that no run held out supports"
            )
    for law, misfit in samples.misfits(result.laws).items():
        if misfit is not None:
            yield from rejection(law, ["C" if law == "L(C)" else "U"], "loss", misfit)
    yield from _draw_warnings(result)
    yield from _floor_warnings(result.floor, samples.data.table)
    yield from _frontier_warnings(result.frontier, samples.compute.table["N"])
    used = pl.concat([result.frontier, result.floor], how="diagonal").drop("U")
    yield from measurement_warnings(used.unique(maintain_order=True))


def _draw_warnings(result: CrossingResult) -> Iterator[str]:
    if result.p_unfitted is None:
        yield "no interval was asked for (bootstrap=0)"
    if result.p_none:
        yield f"{text.number(100 * result.p_none, 2)}% of the draws have no crossing: they count as C* = inf"
    if result.p_unfitted:
        yield f"{text.number(100 * result.p_unfitted, 2)}% of the draws hold too few points for the laws"


def _floor_warnings(floor: pl.DataFrame, tried: pl.DataFrame) -> Iterator[str]:
    """Where the least loss of a U is that of the most that was tried of something."""
    most = tried.group_by("U").agg(k=pl.col("E").max(), n=pl.col("N").max())
    best = floor.join(most, on="U").unique("U")
    for limit, column, words in (("k", "E", "the most epochs tried"), ("n", "N", "the largest model tried")):
        if at_limit := int((best[column] == best[limit]).sum()):
            yield (
                f"at {at_limit} of {text.plural(len(best), 'value')} of U the least loss is that of {words}: "
                "the floor may lie lower, and the crossing later"
            )


def _frontier_warnings(frontier: pl.DataFrame, sizes: pl.Series) -> Iterator[str]:
    if at_end := int(frontier["N"].is_in([sizes.min(), sizes.max()]).sum()):
        yield (
            f"{at_end} of {text.plural(len(frontier), 'point')} of the frontier are of the smallest or the "
            "largest model tried: there D(C) follows the choice of sizes, not the optimum"
        )
