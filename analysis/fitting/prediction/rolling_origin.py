"""Rolling-origin backtests: the law refitted below a cut, and its errors on the points beyond it.

Cuts lie in the compute and in each input apart. All refits are one batch, and so are their resamples: what a
refit's parameters leave open must not be read as misfit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.fitting.bootstrap import resample
from quarry.analysis.fitting.noise import run_scatter
from quarry.analysis.fitting.prediction.backtests import Backtests, deviation, joined
from quarry.analysis.fitting.prediction.distance import COMPUTE, coordinates, distance, fitted_ranges
from quarry.analysis.fitting.prediction.outlook import Outlook, outlook_of
from quarry.analysis.fitting.prediction.prior import prior_of
from quarry.analysis.fitting.search import MOST_STARTS, few_starts

if TYPE_CHECKING:
    from quarry.analysis.fitting.search import Data, Minima

# Shares of the points below a cut: in the compute (or a single input), and in one of several inputs.
_CUTS, _CUTS_OF_INPUT = (0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9), (0.5, 0.65, 0.8)

# Resamples of each cut, refitted from its own fit and from that of all points.
_DRAWS = 40

# Values this close to a cut are not beyond it.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Refits:
    """The law below each cut: what a fit of the rows `kept` [cuts, points] says.

    `cut` numbers the cuts [cuts], `params` are the refits [cuts, parameters], `draws` those of resamples of
    the rows below [cuts, draws, parameters].
    """

    cut: np.ndarray
    kept: np.ndarray
    params: np.ndarray
    draws: np.ndarray


def look_beyond(data: "Data", minima: "Minima", seed: int, level: float, most: int = MOST_STARTS) -> Outlook:
    """The outlook of a fit, from its backtests and the prior of its law; `most` starts found its minima."""
    noise = run_scatter(data, minima.params[0])
    refits, ranges = refit_below(data, minima, seed, most), fitted_ranges(data.inputs)
    found = outlook_of(backtests_of(data, refits), prior_of(data.law), noise, ranges, level)
    return replace(found, refits=refits)


def backtest(data: "Data", minima: "Minima", seed: int = 0) -> Backtests:
    """The backtests that the points of a fit allow: none where no cut leaves more points than parameters."""
    return backtests_of(data, refit_below(data, minima, seed))


def refit_below(data: "Data", minima: "Minima", seed: int = 0, most: int = MOST_STARTS) -> Refits:
    """The law refitted below every cut that leaves more points than parameters."""
    cuts = _cuts(data)
    kept = np.array(list(cuts.values())).reshape(-1, data.points)
    if not cuts:
        none = np.empty((0, len(data.law.parameters)))
        return Refits(np.empty(0, int), kept.astype(bool), none, none[:, None])
    # The minima last: they arrive soon, and the chunk in which the solver runs what is left over ends soon.
    starts = np.concatenate([few_starts(data.law, most), minima.params])
    params = _refits(data, starts, kept)
    return Refits(np.array(list(cuts)), kept, params, _draws(data, minima, kept, params, seed))


def backtests_of(data: "Data", refits: Refits) -> Backtests:
    """The errors of the refits beyond their cuts."""
    each = zip(refits.cut.tolist(), refits.kept, refits.params, refits.draws, strict=True)
    return joined([_errors(data, *one) for one in each])


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


def _refits(data: "Data", starts: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The best parameters on the rows below each cut: [cuts, parameters]."""
    lanes = [data.promising(starts, below) for below in kept]
    counts = list(map(len, lanes))
    solution = data.solve(np.concatenate(lanes), np.repeat(kept, counts, axis=0).astype(float))
    of_cut = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
    return solution.params[[own[np.argmin(solution.objective[own])] for own in of_cut]]


def _draws(data: "Data", minima: "Minima", kept: np.ndarray, params: np.ndarray, seed: int) -> np.ndarray:
    """The parameters [cuts, draws, parameters] of resamples of the rows below each cut."""
    weights = np.stack([_resamples(data, below, seed) for below in kept])
    starts = np.stack([params, np.broadcast_to(minima.params[0], params.shape)], axis=1)
    lanes = np.repeat(starts[:, None], _DRAWS, axis=1).reshape(-1, params.shape[1])
    solution = data.solve(lanes, np.repeat(weights.reshape(-1, data.points), starts.shape[1], axis=0))
    pairs = solution.objective.reshape(-1, starts.shape[1])
    best = np.argmin(pairs, axis=1) + pairs.shape[1] * np.arange(len(pairs))
    return solution.params[best].reshape(len(kept), _DRAWS, -1)


def _resamples(data: "Data", below: np.ndarray, seed: int) -> np.ndarray:
    """How often each row counts [draws, points] in resamples of the runs (or one run's rows) below a cut."""
    units = data.runs[below] if data.n_runs > 1 else np.arange(int(below.sum()))
    weights = np.zeros((_DRAWS, data.points))
    weights[:, below] = resample(units, _DRAWS, seed + 1)
    return weights


def _log_losses(data: "Data", params: np.ndarray) -> np.ndarray:
    """Log loss [lanes, points] by parameters [lanes, parameters]."""
    named = dict(zip(data.law.parameter_names, params.T[:, :, None], strict=True))
    with np.errstate(all="ignore"):
        losses = np.log(np.asarray(data.law.predict(named, data.inputs)))
    return np.broadcast_to(losses, (len(params), data.points))


def _errors(data: "Data", cut: int, below: np.ndarray, params: np.ndarray, draws: np.ndarray) -> Backtests:
    """The backtest of one cut: a row for each point beyond it."""
    beyond = ~below
    ranges = fitted_ranges({name: values[below] for name, values in data.inputs.items()})
    main = COMPUTE if COMPUTE in ranges else next(iter(ranges))
    largest = coordinates(data.inputs)[main].max()
    measured = np.log(data.objective.response(data.target))
    found = Backtests(
        error=(measured - _log_losses(data, params[None, :])[0])[beyond],
        parameters=deviation(_log_losses(data, draws))[beyond],
        distance=distance(data.inputs, ranges)[beyond],
        below=np.full(int(beyond.sum()), np.log(largest / ranges[main][1])),
        point=np.flatnonzero(beyond),
        cut=np.full(int(beyond.sum()), cut),
        run=np.unique(data.runs, return_inverse=True)[1].reshape(-1)[beyond],
    )
    return found.rows(np.isfinite(found.error) & np.isfinite(found.parameters))
