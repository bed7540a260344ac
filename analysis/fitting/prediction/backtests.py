"""Rolling-origin backtests: the law refitted below a cut, and its errors on the points beyond it.

Cuts lie in the compute and in each input apart. All refits are one batch, and so are their resamples: what a
refit's parameters leave open must not be read as misfit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.fitting.bootstrap import resample
from quarry.analysis.fitting.prediction.distance import COMPUTE, coordinates, distance, fitted_ranges
from quarry.analysis.fitting.search import few_starts

if TYPE_CHECKING:
    from quarry.analysis.fitting.search import Data, Minima

# Shares of the points below a cut: in the compute (or a single input), and in one of several inputs.
_CUTS, _CUTS_OF_INPUT = (0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), (0.5, 0.65, 0.8)

# Resamples of each cut, refitted from its own fit and from that of all points.
_DRAWS = 40

# Values this close to a cut are not beyond it.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Backtests:
    """What fits below cuts said of the points beyond: each array [rows], a row for each cut and point.

    - `error` is log measured - log predicted, `parameters` the standard deviation of the refits' log loss.
    - `distance` is in e-folds beyond the points below the cut; `below` the e-folds from the cut to the
      largest compute of all points.
    - `point` numbers the points of the fit, `run` the runs, `cut` the cuts, alike for all laws of these
      points.
    """

    error: np.ndarray
    parameters: np.ndarray
    distance: np.ndarray
    below: np.ndarray
    point: np.ndarray
    cut: np.ndarray
    run: np.ndarray

    @property
    def cuts(self) -> int:
        return len(np.unique(self.cut))

    @property
    def furthest(self) -> float:
        """The largest distance, in e-folds; 0 without backtests."""
        return float(self.distance.max(initial=0.0))

    def weights(self) -> np.ndarray:
        """What each row counts [rows]: the rows of a cut count 1 together, and so does each of its runs."""
        weight = np.zeros(len(self.error))
        for cut in np.unique(self.cut):
            rows = np.flatnonzero(self.cut == cut)
            _, run, size = np.unique(self.run[rows], return_inverse=True, return_counts=True)
            weight[rows] = 1 / (size[run] * len(size))
        return weight

    def rows(self, kept: np.ndarray) -> "Backtests":
        """Only these rows (a mask or indices)."""
        return Backtests(**{name: values[kept] for name, values in vars(self).items()})


def backtest(data: "Data", minima: "Minima", seed: int = 0) -> Backtests:
    """The backtests that the points of a fit allow: none where no cut leaves more points than parameters."""
    cuts = _cuts(data)
    if not cuts:
        return _joined([])
    kept = np.array(list(cuts.values()))
    params = _refits(data, minima, kept)
    spread = _spread(data, minima, kept, params, seed)
    each = zip(cuts, kept, params, spread, strict=True)
    return _joined([_errors(data, *one) for one in each])


def _cuts(data: "Data") -> dict[int, np.ndarray]:
    """The rows below each cut [points], by its number: with points beyond and more than parameters below.

    The numbers are the same for all laws of the same points.
    """
    places = np.stack(list(data.inputs.values()), axis=1)
    enough = len(data.law.parameters) + 1
    found, known = {}, set()
    for number, (values, cut) in enumerate(_cut_values(data)):
        below = values <= cut * (1 + _ROUNDING)
        key = below.tobytes()
        if key not in known and not below.all() and len(np.unique(places[below], axis=0)) >= enough:
            known.add(key)
            found[number] = below
    return found


def _cut_values(data: "Data") -> Iterator[tuple[np.ndarray, float]]:
    """Each coordinate [points] with a value to cut it at."""
    values = coordinates(data.inputs)
    main = COMPUTE if COMPUTE in values else next(iter(values))
    for name in (main, *(name for name in values if name != main)):
        for share in _CUTS if name == main else _CUTS_OF_INPUT:
            yield values[name], float(np.quantile(values[name], share))


def _refits(data: "Data", minima: "Minima", kept: np.ndarray) -> np.ndarray:
    """The best parameters on the rows below each cut: [cuts, parameters]."""
    starts = np.concatenate([minima.params, few_starts(data.law)])
    solution = data.solve(np.tile(starts, (len(kept), 1)), np.repeat(kept, len(starts), 0).astype(float))
    best = np.argmin(solution.objective.reshape(len(kept), -1), axis=1) + len(starts) * np.arange(len(kept))
    return solution.params[best]


def _spread(data: "Data", minima: "Minima", kept: np.ndarray, params: np.ndarray, seed: int) -> np.ndarray:
    """The standard deviation of log loss [cuts, points] between resamples of the rows below each cut."""
    weights = np.stack([_resamples(data, below, seed) for below in kept])
    starts = np.stack([params, np.broadcast_to(minima.params[0], params.shape)], axis=1)
    lanes = np.repeat(starts[:, None], _DRAWS, axis=1).reshape(-1, params.shape[1])
    solution = data.solve(lanes, np.repeat(weights.reshape(-1, data.points), starts.shape[1], axis=0))
    pairs = solution.objective.reshape(-1, starts.shape[1])
    best = np.argmin(pairs, axis=1) + pairs.shape[1] * np.arange(len(pairs))
    losses = _log_losses(data, solution.params[best]).reshape(len(kept), _DRAWS, -1)
    return np.stack([_deviation(each) for each in losses])


def _resamples(data: "Data", below: np.ndarray, seed: int) -> np.ndarray:
    """How often each row counts [draws, points] in resamples of the runs (or one run's rows) below a cut."""
    units = data.runs[below] if data.n_runs > 1 else np.arange(int(below.sum()))
    weights = np.zeros((_DRAWS, data.points))
    weights[:, below] = resample(units, _DRAWS, seed + 1)
    return weights


def _deviation(values: np.ndarray) -> np.ndarray:
    """The standard deviation over the first axis of what is finite; infinite where too little is."""
    known = np.isfinite(values)
    with np.errstate(all="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
        square = np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / (known.sum(axis=0) - 1)
    return np.where(known.sum(axis=0) > _DRAWS / 2, np.sqrt(square), np.inf)


def _log_losses(data: "Data", params: np.ndarray) -> np.ndarray:
    """Log loss [lanes, points] by parameters [lanes, parameters]."""
    named = dict(zip(data.law.parameter_names, params.T[:, :, None], strict=True))
    with np.errstate(all="ignore"):
        losses = np.log(np.asarray(data.law.predict(named, data.inputs)))
    return np.broadcast_to(losses, (len(params), data.points))


def _errors(data: "Data", cut: int, below: np.ndarray, params: np.ndarray, spread: np.ndarray) -> Backtests:
    """The backtest of one cut: a row for each point beyond it."""
    beyond = ~below
    ranges = fitted_ranges({name: values[below] for name, values in data.inputs.items()})
    main = COMPUTE if COMPUTE in ranges else next(iter(ranges))
    largest = coordinates(data.inputs)[main].max()
    measured = np.log(data.objective.response(data.target))
    found = Backtests(
        error=(measured - _log_losses(data, params[None, :])[0])[beyond],
        parameters=spread[beyond],
        distance=distance(data.inputs, ranges)[beyond],
        below=np.full(int(beyond.sum()), np.log(largest / ranges[main][1])),
        point=np.flatnonzero(beyond),
        cut=np.full(int(beyond.sum()), cut),
        run=np.unique(data.runs, return_inverse=True)[1].reshape(-1)[beyond],
    )
    return found.rows(np.isfinite(found.error) & np.isfinite(found.parameters))


def _joined(parts: list[Backtests]) -> Backtests:
    columns = {name: [vars(part)[name] for part in parts] for name in Backtests.__dataclass_fields__}
    return Backtests(**{name: np.concatenate([np.empty(0), *values]) for name, values in columns.items()})
