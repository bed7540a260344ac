"""Where L(C) and L(D) cross when each is carried on alone, and where one coherent surface meets its floor.

L(C), the least loss that C FLOPs buy in one epoch, falls faster along the optimal plan than the data allow:
than L(D), the least loss from D unique tokens over any number of epochs, at the tokens D(C) of that plan.
Carried on, L(C) promises less than L(D(C)) from some C* on: the inconsistency of Kaplan et al. 2020 (arXiv
2001.08361), section 6.3. One surface of N, E and U has no such point, because its floor lies below it
everywhere: there the question is whether its frontier comes near the floor (`merge`).

C* is a ratio whose denominator, alpha_C - alpha_D p, is small and uncertain. It has a heavy tail and no
useful standard error: it is told by the quantiles of its draws, where no crossing counts as C* = inf.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from scipy import sparse
from scipy.optimize import root_scalar

from analysis import text
from analysis.fit import Fit
from analysis.laws import KAPLAN_C, KAPLAN_D, KAPLAN_ND, POWER_OFFSET, Law, Values
from analysis.plan import FIRST_PASS, REPEATING, PlanError, Surface, data_floor, optimum
from analysis.points import Exclusion, Points
from analysis.powerlaw import measurement_warnings, straight_line
from analysis.published import PUBLISHED, TRENDS, PublishedTrend
from analysis.uncertainty import resample

REACH = (1.0, 1e60)
"""FLOPs between which a crossing is looked for."""

Offset = Literal["none", "shared", "separate"]
"""The irreducible loss of L(C) and L(D): zero, one for both, or one each."""

MEASURED = "D = E on the measured one-epoch frontier"

# A run whose E is at most this many times U has read nothing twice.
_ONE_PASS = 1.01

# A law read more than a factor of ten outside its fitted range is flagged.
_FAR = 1.0

# Shares of the least loss that the search for an irreducible loss starts from, and those of the refits.
_OFFSET_STARTS, _REFIT_STARTS = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95), slice(0, None, 2)

# Powers that stay finite numbers.
_LOG_SCALE, _LOG_LOSS = (-200.0, 400.0), 700.0

# The search for a merging budget: decades beyond the largest of the points, halvings, the most draws, budgets
# shown, and the spread of the excess that counts as none.
_MERGE_DECADES, _HALVINGS, _MERGE_DRAWS, _SHOWN, _CONSTANT = 12.0, 16, 200, 25, 1e-3


class CrossingError(ValueError):
    """Points or a fit from which no crossing can be read, or a setting out of its range."""


@dataclass(frozen=True)
class PowerLaw:
    """L(x) = offset + (scale / x)^exponent, in nats per token."""

    scale: float
    exponent: float
    offset: float = 0.0

    def at(self, x: Any) -> Any:
        return self.offset + (self.scale / x) ** self.exponent


@dataclass(frozen=True)
class Growth:
    """y(C) = scale C^exponent, C in FLOPs: the tokens D(C) or the size N(C) of the optimal plan."""

    scale: float
    exponent: float

    def at(self, flops: Any) -> Any:
        return self.scale * flops**self.exponent

    @classmethod
    def of(cls, trend: PublishedTrend) -> "Growth":
        return cls(trend.y_0 * trend.x_0**-trend.exponent, trend.exponent)


@dataclass(frozen=True)
class Convention:
    """Which tokens go with a budget: a C* means nothing without it."""

    name: str
    tokens: Growth
    sizes: Growth
    source: str
    status: str
    note: str


def _convention(name: str, trend: PublishedTrend) -> Convention:
    sizes = Growth.of(TRENDS["kaplan-n-opt"])
    return Convention(name, Growth.of(trend), sizes, trend.source, trend.status, trend.note)


KAPLAN_TABLE_6 = _convention("Kaplan Table 6: D = 2e10 C^.27, C in PF-days", TRENDS["kaplan-d-opt"])
KAPLAN_EQ_6_7 = _convention("Kaplan eq. 6.7: D = 4e10 C^.26, C in PF-days", TRENDS["kaplan-d-opt-6.7"])
CONVENTIONS = (KAPLAN_TABLE_6, KAPLAN_EQ_6_7)


@dataclass(frozen=True)
class Crossing:
    """Where L(C) falls below L(D(C)): C* (FLOPs), L* (nats per token), D* (tokens), N* if N(C) is known."""

    flops: float
    loss: float
    tokens: float
    n: float | None
    convention: str


@dataclass(frozen=True)
class NoCrossing:
    """L(C) does not fall below L(D(C)), and why."""

    reason: str
    convention: str


def published_crossings() -> tuple[Crossing | NoCrossing, ...]:
    """The crossing of Kaplan's L(C_min) and L(D) under each of `CONVENTIONS`."""
    c, d = PUBLISHED["kaplan-c-min"].params, PUBLISHED["kaplan-d"].params
    compute, data = PowerLaw(c["C_c"], c["alpha_C"]), PowerLaw(d["D_c"], d["alpha_D"])
    return tuple(meeting(compute, data, own.tokens, own.sizes, own.name) for own in CONVENTIONS)


def naive_crossing(
    C_c: float, alpha_C: float, D_c: float, alpha_D: float, D_0: float, p: float,
    *, L_inf: float = 0.0, sizes: Growth | None = None, convention: str = "D = D_0 C^p",
) -> Crossing | NoCrossing:  # fmt: skip
    """The crossing of L(C) = L_inf + (C_c/C)^alpha_C and L(D) = L_inf + (D_c/D)^alpha_D at D = D_0 C^p.

    ln C* = [alpha_C ln C_c - alpha_D ln(D_c / D_0)] / (alpha_C - alpha_D p): FLOPs if C_c and D_0 are in
    FLOPs (Kaplan et al. 2020, section 6.3). Raises CrossingError for a number that is not positive, or a
    negative L_inf.
    """
    given = dict(C_c=C_c, alpha_C=alpha_C, D_c=D_c, alpha_D=alpha_D, D_0=D_0, p=p)
    for name, value in given.items():
        if not (math.isfinite(value) and value > 0):
            raise CrossingError(f"{name}={value:g}: must be positive and finite")
    if not (math.isfinite(L_inf) and L_inf >= 0):
        raise CrossingError(f"L_inf={L_inf:g}: must be finite and not negative")
    laws = PowerLaw(C_c, alpha_C, L_inf), PowerLaw(D_c, alpha_D, L_inf)
    return meeting(*laws, Growth(D_0, p), sizes, convention)


def meeting(
    compute: PowerLaw, data: PowerLaw, tokens: Growth, sizes: Growth | None = None, convention: str = MEASURED
) -> Crossing | NoCrossing:
    """The C within `REACH` at which `compute` falls below `data` at the tokens of C.

    With one irreducible loss for both the reducible losses cross in closed form; with two it is searched.
    """
    position = log10_meeting(compute, data, tokens)
    if not 0 < position < math.inf:
        return NoCrossing(_why_not(compute, data, tokens, position), convention)
    flops = 10.0**position
    d = float(tokens.at(flops))
    return Crossing(flops, float(data.at(d)), d, float(sizes.at(flops)) if sizes else None, convention)


def log10_meeting(compute: PowerLaw, data: PowerLaw, tokens: Growth) -> float:
    """log10 C*: inf if there is none within `REACH`, and 0 if L(C) lies below from 1 FLOP on."""
    gap = _Gap.of(compute, data, tokens)
    if gap.offset != 0:
        return _searched(gap)
    if gap.falls <= gap.data_falls:
        return math.inf
    return _within((gap.log_compute - gap.log_data) / (gap.falls - gap.data_falls) / math.log(10))


@dataclass(frozen=True)
class _Gap:
    """L(C) - L(D(C)) of log C: reducible losses at 1 FLOP (logs), exponents, the difference of offsets."""

    log_compute: float
    falls: float
    log_data: float
    data_falls: float
    offset: float

    @classmethod
    def of(cls, compute: PowerLaw, data: PowerLaw, tokens: Growth) -> "_Gap":
        log_compute = compute.exponent * math.log(compute.scale)
        log_data = data.exponent * (math.log(data.scale) - math.log(tokens.scale))
        falls = data.exponent * tokens.exponent
        return cls(log_compute, compute.exponent, log_data, falls, compute.offset - data.offset)

    def at(self, log_flops: float) -> float:
        compute, data = self.log_compute - self.falls * log_flops, self.log_data - self.data_falls * log_flops
        return self.offset + math.exp(min(compute, _LOG_LOSS)) - math.exp(min(data, _LOG_LOSS))

    def turn(self) -> float:
        """The one log C at which the gap stops falling or rising; nan if it never does."""
        if min(self.falls, self.data_falls) <= 0 or self.falls == self.data_falls:
            return math.nan
        at_one_flop = math.log(self.falls / self.data_falls) + self.log_compute - self.log_data
        return at_one_flop / (self.falls - self.data_falls)


def _searched(gap: _Gap) -> float:
    """log10 of the C within `REACH` at which the gap falls through zero: it turns once at most."""
    low, high = map(math.log, REACH)
    turn = gap.turn()
    ends = [low, turn, high] if low < turn < high else [low, high]
    for left, right in pairwise(ends):
        if gap.at(left) > 0 >= gap.at(right):
            return root_scalar(gap.at, bracket=(left, right)).root / math.log(10)
    return 0.0 if gap.at(low) <= 0 and gap.at(high) <= 0 else math.inf


def _within(position: float) -> float:
    low, high = map(math.log10, REACH)
    return max(position, low) if position <= high else math.inf


def _why_not(compute: PowerLaw, data: PowerLaw, tokens: Growth, position: float) -> str:
    if position <= 0:
        return "no crossing ahead: L(C) lies below L(D(C)) from 1 FLOP on"
    falls = data.exponent * tokens.exponent
    if compute.offset == data.offset and compute.exponent <= falls:
        return (
            f"no crossing: L(C) falls as C^-{compute.exponent:.3g}, no faster than L(D(C)), which falls as "
            f"C^-{falls:.3g}"
        )
    return f"no crossing: L(C) stays above L(D(C)) from 1 to {text.power(REACH[1])} FLOPs"


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
    where it lies below from 1 FLOP on, nan where a draw holds too few points for the laws. `median` and the
    two ends of `interval` are FLOPs, None where that quantile is no such number. `p_none` is the share of the
    fitted draws without a crossing, `p_unfitted` the share of draws that were not fitted. `draws` [draws] are
    the refitted parameters by name, with D(C) = D_0 C^p and N(C) = N_0 C^q. `frontier` and `floor` are the
    points that L(C) and L(D) were fitted on.
    """

    crossing: Crossing | NoCrossing
    compute: PowerLaw
    data: PowerLaw
    tokens: Growth
    sizes: Growth
    offset: str
    log10_flops: np.ndarray
    median: float | None
    interval: tuple[float | None, float | None]
    level: float
    p_none: float | None
    p_unfitted: float | None
    readings: tuple[Reading, ...]
    draws: dict[str, np.ndarray]
    frontier: pl.DataFrame
    floor: pl.DataFrame
    excluded: tuple[Exclusion, ...]
    settings: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def convention(self) -> str:
        return self.crossing.convention

    def losses(self, flops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """L(C) and L(D(C)) of each fitted draw at `flops`: both [fitted draws, flops]."""
        laws = _drawn_laws(self.draws)
        pairs = [(compute.at(flops), data.at(tokens.at(flops))) for compute, data, tokens, _ in laws]
        compute, data = zip(*pairs, strict=True) if pairs else ((), ())
        return np.array(compute), np.array(data)

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


def crossing(
    points: Points | pl.DataFrame,
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
    column run has a run in each row. `level` is that of the interval. Raises CrossingError.
    """
    _check_settings(offset, bootstrap, seed, level)
    points = _checked(points)
    samples = _Samples.of(points.table, offset)
    fitted = samples.fit()
    draws = samples.refit(resample(samples.runs, bootstrap, seed), fitted) if bootstrap else {}
    laws = next(_drawn_laws(fitted))
    found, positions = meeting(*laws), _positions(draws)
    median, *ends = (_quantile(positions, share) for share in (0.5, (1 - level) / 2, (1 + level) / 2))
    frontier, floor = samples.chosen()
    result = CrossingResult(
        found,
        *laws,
        offset=offset,
        log10_flops=positions,
        median=median,
        interval=(ends[0], ends[1]),
        level=level,
        p_none=_share(np.isinf(positions[~np.isnan(positions)])),
        p_unfitted=_share(np.isnan(positions)),
        readings=_readings(found, frontier, floor),
        draws=draws,
        frontier=frontier,
        floor=floor,
        excluded=(*points.excluded, *samples.left_out()),
        settings={"bootstrap": bootstrap, "seed": seed, "source": points.source, "count": points.count},
        warnings=(),
    )
    return replace(result, warnings=tuple(_warnings(result, samples)))


def _check_settings(offset: str, bootstrap: int, seed: int, level: float) -> None:
    if offset not in get_args(Offset):
        raise CrossingError(f"offset={offset!r} is not one of {', '.join(get_args(Offset))}")
    if bootstrap < 0 or 0 < bootstrap < 100:
        raise CrossingError(f"bootstrap={bootstrap}: an interval needs at least 100 draws (0: no interval)")
    if seed < 0:
        raise CrossingError(f"seed={seed}: must not be negative")
    if not 0.5 <= level < 1:
        raise CrossingError(f"level={level}: must be at least 0.5 and below 1")


def _checked(points: Points | pl.DataFrame) -> Points:
    """`points` as Points with positive columns, a run in each row, and data that were read again."""
    if isinstance(points, pl.DataFrame):
        points = Points(points, (), "a table", "N, as the table counts it")
    table = points.table
    for name in ("N", "E", "U", "C", "loss"):
        _check_column(table, name)
    if not (table["E"].cast(pl.Float64) > _ONE_PASS * table["U"].cast(pl.Float64)).any():
        raise CrossingError(
            "every point is a single pass (E is at most U): L(D), the least loss from D unique tokens over "
            "any number of epochs, needs runs that read their data again; the one-pass learning curve is "
            "another law"
        )
    if "run" not in table.columns:
        table = table.with_columns(run=pl.format("row {}", pl.int_range(1, pl.len() + 1)))
    return replace(points, table=table)


def _check_column(table: pl.DataFrame, name: str) -> None:
    if name not in table.columns:
        raise CrossingError(
            f"the crossing needs the column {name}; the points have {', '.join(table.columns)}"
        )
    values = table[name].cast(pl.Float64, strict=False)
    wrong = table.filter(~(values.is_finite() & (values > 0)).fill_null(False))
    if not wrong.is_empty():
        raise CrossingError(f"column {name} holds {wrong[name][0]}, which is not a positive number")


@dataclass(frozen=True)
class _Side:
    """The rows that may carry one law, in its variable `x`, and the choice of the best among them.

    Rows of one cell, the same x, N and E, differ by their seed alone. `in_cell` is [rows, cells]; `level`
    [cells] is the place of a cell's x among all. At each level the cell of least mean loss is kept, and with
    `unbeaten` only if no lower level has as little.
    """

    table: pl.DataFrame
    rows: np.ndarray
    x: np.ndarray
    log_loss: np.ndarray
    in_cell: Any
    level: np.ndarray
    unbeaten: bool

    @classmethod
    def of(cls, table: pl.DataFrame, rows: np.ndarray, x: str, unbeaten: bool) -> "_Side":
        own = table[rows]
        keys = np.stack([_floats(own, name) for name in (x, "N", "E")], axis=1)
        cells, cell = np.unique(keys, axis=0, return_inverse=True)
        place = np.arange(len(own)), cell.reshape(-1)
        in_cell = sparse.csr_array((np.ones(len(own)), place), shape=(len(own), len(cells)))
        level = np.unique(cells[:, 0], return_inverse=True)[1]
        return cls(own, rows, _floats(own, x), np.log(_floats(own, "loss")), in_cell, level, unbeaten)

    def chosen(self, weights: np.ndarray) -> np.ndarray:
        """`weights` [draws, all rows] of the rows of the best cells, 0 for the others: [draws, own rows]."""
        own = weights[:, self.rows]
        drawn = own @ self.in_cell
        mean = ((own * self.log_loss) @ self.in_cell) / np.where(drawn > 0, drawn, 1.0)
        mean = np.where(drawn > 0, mean, np.inf)
        least = np.minimum.reduceat(mean, np.flatnonzero(np.diff(self.level, prepend=-1)), axis=1)
        kept = np.isfinite(least)
        if self.unbeaten:
            kept[:, 1:] &= least[:, 1:] < np.minimum.accumulate(least, axis=1)[:, :-1]
        best = (mean == least[:, self.level]) & kept[:, self.level]
        return own * (best.astype(float) @ self.in_cell.T)

    def levels(self, chosen: np.ndarray) -> np.ndarray:
        """How many distinct x there are among the rows of positive weight: [draws]."""
        firsts = np.unique(self.x, return_inverse=True)[1]
        return np.array([len(np.unique(firsts[row > 0])) for row in chosen])


def _floats(table: pl.DataFrame, name: str) -> np.ndarray:
    return table[name].cast(pl.Float64).to_numpy()


@dataclass(frozen=True)
class _Samples:
    """The points of both laws, and the fit of all of it under any weights of the runs."""

    offset: str
    runs: np.ndarray
    compute: _Side
    data: _Side

    @classmethod
    def of(cls, table: pl.DataFrame, offset: str) -> "_Samples":
        unique = _floats(table, "U")
        once = _floats(table, "E") <= _ONE_PASS * unique
        again = np.isin(unique, unique[~once])
        compute = _Side.of(table, np.flatnonzero(once), "C", unbeaten=True)
        data = _Side.of(table, np.flatnonzero(again), "U", unbeaten=False)
        samples = cls(offset, table["run"].to_numpy(), compute, data)
        samples._check_enough()
        return samples

    def _check_enough(self) -> None:
        frontier, floor = (int(side.levels(side.chosen(self.all))[0]) for side in (self.compute, self.data))
        if frontier < self.needed:
            raise CrossingError(
                f"the one-epoch frontier has {text.plural(frontier, 'budget')}; L(C) and D(C) need "
                f"{self.needed}"
            )
        if floor < self.needed:
            raise CrossingError(
                f"only {text.plural(floor, 'U')} has runs that read the data again; L(D) needs {self.needed}"
            )

    @property
    def needed(self) -> int:
        """The distinct x that each law needs."""
        return 2 if self.offset == "none" else 3

    @property
    def all(self) -> np.ndarray:
        """Every run once: weights [1, rows]."""
        return np.ones((1, len(self.runs)))

    def fit(self) -> dict[str, np.ndarray]:
        """The parameters by name, arrays of one. Raises CrossingError."""
        params = self._fit(self.all, self._starts())
        if np.isnan(params["p"]).any():
            raise CrossingError("the budgets of the one-epoch frontier are too close together to carry D(C)")
        return params

    def refit(self, weights: np.ndarray, fitted: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The parameters under each row of `weights`, by name; nan where too few points are left.

        Each draw chooses its own points. So 90% intervals held the true C* in 88% to 100% of 24 repeats of
        each of six designs; with the points chosen once, in 71% to 100%.
        """
        best = [[float(fitted[name][0]) for name in _joint(self.offset).parameter_names]]
        others = [] if self.offset == "none" else self._starts()[_REFIT_STARTS]
        return self._fit(weights, np.array([*best, *others]))

    def _fit(self, weights: np.ndarray, starts: np.ndarray) -> dict[str, np.ndarray]:
        frontier, floor = self.compute.chosen(weights), self.data.chosen(weights)
        lost = np.minimum(self.compute.levels(frontier), self.data.levels(floor)) < self.needed
        params = self._laws(np.concatenate([frontier, floor], axis=1), starts)
        for names, column in ((("D_0", "p"), "E"), (("N_0", "q"), "N")):
            params |= dict(zip(names, self._growth(frontier, column), strict=True))
            lost |= np.isnan(params[names[0]])
        return {name: np.where(lost, np.nan, values) for name, values in params.items()}

    def _laws(self, weights: np.ndarray, starts: np.ndarray) -> dict[str, np.ndarray]:
        """L(C) and L(D) under each row of `weights` [draws, rows of both], the best from any of `starts`."""
        from analysis.solver import solve  # JAX takes a second to import

        law, sides, each = _joint(self.offset), (self.compute, self.data), len(starts)
        x, target = (np.concatenate([getattr(side, name) for side in sides]) for name in ("x", "log_loss"))
        inputs = {"x": x, "floor": np.repeat([0.0, 1.0], [len(side.x) for side in sides])}
        lanes, own = np.tile(starts, (len(weights), 1)), np.repeat(weights, each, axis=0)
        solution = solve(law, lanes, inputs, target, own)
        best = np.argmin(solution.objective.reshape(-1, each), axis=1) + each * np.arange(len(weights))
        return dict(zip(law.parameter_names, solution.params[best].T, strict=True))

    def _growth(self, frontier: np.ndarray, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Scale and exponent of `column` along the frontier: [draws] each, nan where its budgets are one."""
        values = np.log(_floats(self.compute.table, column))
        with np.errstate(invalid="ignore"):
            exponent, log_scale = straight_line(np.log(self.compute.x), values, frontier)
        return np.exp(np.where(np.abs(log_scale) < _LOG_LOSS, log_scale, np.nan)), exponent

    def _starts(self) -> np.ndarray:
        """Lines through the logarithm of what lies above each start of the irreducible loss."""
        weights = [side.chosen(self.all)[0] for side in (self.compute, self.data)]
        sides = list(zip((self.compute, self.data), weights, strict=True))
        least = [math.exp(side.log_loss[own > 0].min()) for side, own in sides]
        if self.offset == "shared":
            least = [min(least)] * 2
        count = {"none": 0, "shared": 1, "separate": 2}[self.offset]
        starts = []
        for share in _OFFSET_STARTS if count else (0.0,):
            lines = [_line(*own, share * lowest) for own, lowest in zip(sides, least, strict=True)]
            starts.append([*lines[0], *lines[1], *(share * lowest for lowest in least[:count])])
        return np.array(starts)

    def chosen(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The points of the frontier by rising C, and of the floor by rising U."""
        frontier, floor = (
            side.table.filter(pl.Series(side.chosen(self.all)[0] > 0)) for side in (self.compute, self.data)
        )
        return frontier.sort("C"), floor.sort("U")

    def left_out(self) -> tuple[Exclusion, ...]:
        """The rows that neither law was fitted on."""
        used = [side.rows[side.chosen(self.all)[0] > 0] for side in (self.compute, self.data)]
        beaten = len(self.runs) - len(np.unique(np.concatenate(used)))
        reason = "neither on the one-epoch frontier nor the least loss of its U"
        return (Exclusion(reason, beaten),) if beaten else ()


def _line(side: _Side, weights: np.ndarray, offset: float) -> tuple[float, float]:
    """Scale and exponent of the power law through the reducible losses."""
    slope, height = straight_line(np.log(side.x), np.log(np.exp(side.log_loss) - offset), weights)
    exponent = float(np.clip(-slope, 1e-3, 5.0))
    return math.exp(np.clip(height / exponent, *_LOG_SCALE)), exponent


@cache  # one object for each: a fit compiles once for each law object
def _joint(offset: str) -> Law:
    """L(C) and L(D) as one law of x: of C, and where `floor` is 1, of U."""
    names = {"none": (), "shared": ("L_inf",), "separate": ("L_inf_C", "L_inf_D")}[offset]
    irreducible = POWER_OFFSET.parameters[0]

    def predict(p: Values, v: Values) -> Any:
        compute, data = (p["C_c"] / v["x"]) ** p["alpha_C"], (p["D_c"] / v["x"]) ** p["alpha_D"]
        if names:
            compute, data = compute + p[names[0]], data + p[names[-1]]
        return (1.0 - v["floor"]) * compute + v["floor"] * data

    own = tuple(replace(irreducible, name=name) for name in names)
    return Law(
        name=f"L(C) and L(D), irreducible loss: {offset}",
        formula=r"L(C) = L_\infty + (C_c / C)^{\alpha_C}, L(U) = L_\infty + (D_c / U)^{\alpha_D}",
        inputs=("x", "floor"),
        parameters=(*KAPLAN_C.parameters, *KAPLAN_D.parameters, *own),
        predict=predict,
        source="Kaplan et al. 2020 (arXiv 2001.08361), section 6.3",
    )


_Laws = tuple[PowerLaw, PowerLaw, Growth, Growth]
"""L(C), L(D), D(C), N(C)."""


def _drawn_laws(params: Mapping[str, np.ndarray]) -> Iterator[_Laws]:
    """The laws of each row of the parameters that was fitted."""
    fitted = {name: values[~np.isnan(params["p"])] for name, values in params.items()}
    for row in zip(*fitted.values(), strict=True):
        own = dict(zip(fitted, map(float, row), strict=True))
        shared = own.get("L_inf", 0.0)
        yield (
            PowerLaw(own["C_c"], own["alpha_C"], own.get("L_inf_C", shared)),
            PowerLaw(own["D_c"], own["alpha_D"], own.get("L_inf_D", shared)),
            Growth(own["D_0"], own["p"]),
            Growth(own["N_0"], own["q"]),
        )


def _positions(draws: Mapping[str, np.ndarray]) -> np.ndarray:
    """log10 C* of each draw, nan where it was not fitted."""
    if not draws:
        return np.array([])
    positions = np.full(len(draws["p"]), np.nan)
    positions[~np.isnan(draws["p"])] = [log10_meeting(*laws[:3]) for laws in _drawn_laws(draws)]
    return positions


def _quantile(positions: np.ndarray, share: float) -> float | None:
    """The quantile in FLOPs; a draw that was not fitted lies at the far end of either side."""
    if len(positions) == 0:
        return None
    unknown = 0.0 if share < 0.5 else math.inf
    method = "lower" if share < 0.5 else "higher"
    value = np.quantile(np.where(np.isnan(positions), unknown, positions), share, method=method)
    return 10.0 ** float(value) if 0 < value < math.inf else None


def _share(of: np.ndarray) -> float | None:
    return float(np.mean(of)) if len(of) else None


def _readings(
    found: Crossing | NoCrossing, frontier: pl.DataFrame, floor: pl.DataFrame
) -> tuple[Reading, ...]:
    if isinstance(found, NoCrossing):
        return ()
    assert found.n is not None
    read = (
        ("L(C)", frontier, "C", found.flops),
        ("L(D)", floor, "U", found.tokens),
        ("N(C)", frontier, "N", found.n),
    )
    return tuple(
        Reading(law, float(_floats(table, x).min()), float(_floats(table, x).max()), at)
        for law, table, x, at in read
    )


def _warnings(result: CrossingResult, samples: _Samples) -> Iterator[str]:
    for reading in result.readings:
        if abs(reading.decades) > _FAR:
            side = "above" if reading.decades > 0 else "below"
            yield (
                f"{reading.law} is read {abs(reading.decades):.1f} decades {side} its fitted range: an "
                "extrapolation that no run held out supports"
            )
    yield from _draw_warnings(result)
    yield from _design_warnings(result, samples)
    used = pl.concat([result.frontier, result.floor], how="diagonal").drop("U")
    yield from measurement_warnings(used.unique(maintain_order=True))


def _draw_warnings(result: CrossingResult) -> Iterator[str]:
    if result.p_unfitted is None:
        yield "no interval was asked for (bootstrap=0)"
        return
    if result.p_none:
        yield f"{text.number(100 * result.p_none, 2)}% of the draws have no crossing: they count as C* = inf"
    if result.p_unfitted:
        yield f"{text.number(100 * result.p_unfitted, 2)}% of the draws hold too few points for the laws"


def _design_warnings(result: CrossingResult, samples: _Samples) -> Iterator[str]:
    """What of the choice of points bears on the laws more than the runs' noise does."""
    most = samples.data.table.group_by("U").agg(k=pl.col("E").max(), n=pl.col("N").max())
    best = result.floor.join(most, on="U").unique("U")
    for limit, column, words in (("k", "E", "the most epochs tried"), ("n", "N", "the largest model tried")):
        if at_limit := int((best[column] == best[limit]).sum()):
            yield (
                f"at {at_limit} of {text.plural(len(best), 'value')} of U the least loss is that of {words}: "
                "the floor may lie lower, and the crossing later"
            )
    sizes = samples.compute.table["N"]
    if at_end := int(result.frontier["N"].is_in([sizes.min(), sizes.max()]).sum()):
        yield (
            f"{at_end} of {text.plural(len(result.frontier), 'point')} of the frontier are of the smallest "
            "or the largest model tried: there D(C) follows the choice of sizes, not the optimum"
        )


@dataclass(frozen=True)
class Merge:
    """The first C at which the compute frontier of one surface comes within `eps` of its own floor.

    Excess is (L_C(C) - L*(D)) / (L*(D) - L_inf) at the D = E of the frontier. `flops` is None where the
    excess is not above `eps` at the smallest budget of the points, or stays above it: `reason` says which.
    `interval` has None on a side that the draws leave open, `p_never` is the share of draws that never merge;
    `shown` has the excess against C.
    """

    law: str
    eps: float
    flops: float | None
    reason: str
    interval: tuple[float | None, float | None]
    level: float
    p_never: float | None
    shown: pl.DataFrame

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        names = ("law", "eps", "flops", "reason", "interval", "level", "p_never")
        finite = pl.when(pl.all().is_finite()).then(pl.all())
        return {name: getattr(self, name) for name in names} | {"shown": self.shown.select(finite).to_dicts()}


def merge(fit: Fit, *, eps: float = 0.05, level: float = 0.9) -> Merge:
    """Where the one-epoch compute frontier of a fitted surface merges with its floor L*(U) at U = D_opt(C).

    L*(U) is the least loss over every N and k: for laws that know no repeats (chinchilla) N to infinity at
    one epoch; for data-constrained, N' and D' at their caps; for kaplan-nd, N to infinity. It lies below the
    surface everywhere, so that the two can merge and cannot cross. From the smallest budget of the points to
    12 decades above the largest, taking the excess to rise or fall all the way; intervals from at most 200 of
    the fit's draws. Raises CrossingError, and PlanError where the frontier has no best N.
    """
    _check_merge(fit, eps, level)
    surface = Surface(fit.law.name, fit.law, fit.params, "fitted here")
    budgets = _budgets(fit)
    position = _merging(surface, eps, budgets)
    positions = _drawn_merges(surface, fit.draws, eps, budgets)
    shown = _excesses(surface, np.geomspace(*budgets, _SHOWN))
    low, high = (_quantile(positions, side) for side in ((1 - level) / 2, (1 + level) / 2))
    never = np.isinf(positions[~np.isnan(positions)])
    merges = 0 < position < math.inf
    return Merge(
        law=fit.law.name,
        eps=eps,
        flops=10.0**position if merges else None,
        reason=_merge_words(position, eps, budgets, shown["excess"].to_numpy()),
        interval=(low, high),
        level=level,
        p_never=_share(never),
        shown=shown,
    )


def _check_merge(fit: Fit, eps: float, level: float) -> None:
    if fit.law.response != "loss" or fit.law.inputs not in (*FIRST_PASS, REPEATING, KAPLAN_ND.inputs):
        raise CrossingError(
            f"{fit.law.name} is not one surface of the loss over N and E or U: nothing merges"
        )
    if not (math.isfinite(eps) and eps > 0):
        raise CrossingError(f"eps={eps}: must be positive and finite")
    if not 0.5 <= level < 1:
        raise CrossingError(f"level={level}: must be at least 0.5 and below 1")


def _budgets(fit: Fit) -> tuple[float, float]:
    """The smallest budget of the points, and the largest that is searched."""
    tokens = "E" if "E" in fit.points.columns else "U"
    flops = _floats(fit.points, "C") if "C" in fit.points.columns else None
    flops = 6 * _floats(fit.points, "N") * _floats(fit.points, tokens) if flops is None else flops
    return float(flops.min()), float(flops.max()) * 10**_MERGE_DECADES


def _excess(surface: Surface, flops: float) -> tuple[float, float, float, float]:
    """D, L_C, L* and the excess at one budget."""
    n, tokens = optimum(surface, flops)
    loss = float(surface.loss(n, tokens))
    params = {name: np.array([value]) for name, value in surface.params.items()}
    floor = min(loss, float(data_floor(surface, params, np.array([tokens]))[0]))
    reducible = floor - surface.params.get("L_inf", 0.0)
    return tokens, loss, floor, (loss - floor) / reducible if reducible > 0 else math.inf


def _excesses(surface: Surface, budgets: np.ndarray) -> pl.DataFrame:
    rows = [(float(flops), *_excess(surface, float(flops))) for flops in budgets]
    return pl.DataFrame(rows, schema=["C", "E", "loss", "floor", "excess"], orient="row")


def _merging(surface: Surface, eps: float, budgets: tuple[float, float]) -> float:
    """log10 of the C at which the excess comes down to `eps`: 0 if it is there already, inf if never."""

    def above(position: float) -> bool:
        return _excess(surface, 10.0**position)[3] > eps

    low, high = map(math.log10, budgets)
    if not above(low):
        return 0.0
    if above(high):
        return math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) else (low, middle)
    return high


def _drawn_merges(
    surface: Surface, draws: Mapping[str, np.ndarray], eps: float, budgets: tuple[float, float]
) -> np.ndarray:
    """`_merging` of each draw, nan where its frontier has no best N."""
    rows = list(zip(*(values[:_MERGE_DRAWS].tolist() for values in draws.values()), strict=True))
    positions = np.full(len(rows), np.nan)
    for i, row in enumerate(rows):
        with suppress(PlanError):
            params = surface.params | dict(zip(draws, row, strict=True))
            positions[i] = _merging(replace(surface, params=params), eps, budgets)
    return positions


def _merge_words(position: float, eps: float, budgets: tuple[float, float], excess: np.ndarray) -> str:
    where = f"from {text.power(budgets[0])} to {text.power(budgets[1])} FLOPs"
    if np.ptp(excess) < _CONSTANT * excess.max():
        always = "within" if position == 0 else "never within"
        return (
            f"the frontier lies {excess[0]:.3g} of the reducible floor above it at every budget: this law "
            f"keeps the two in proportion, and they are {always} {eps:g}"
        )
    if position == 0:
        return f"the frontier is within {eps:g} of its floor at the smallest budget already"
    if position == math.inf:
        return f"the frontier is never within {eps:g} of its floor {where}; at the end {excess[-1]:.3g}"
    return f"the frontier comes within {eps:g} of its floor at {text.power(10.0**position)} FLOPs"
