"""Where a measured curve first comes down to a loss, or bounds where that was not measured."""

import numpy as np

from quarry.analysis.epochs.censored_regression import Censored


def first_below(x: np.ndarray, losses: np.ndarray, target: np.ndarray) -> Censored:
    """ln x at which losses [draws, ..., x] first come down to `target` [draws, ...], linear in ln x between.

    Below the first x measured it is bounded from above only; beyond the last, where the curve does not come
    down to it, from below. A curve that is all NaN or has no x, or a target that is NaN, gives NaN.
    """
    if not len(x):
        return Censored(np.full(target.shape, np.nan), np.full(target.shape, np.nan))
    order = np.log(x)
    down = (losses <= target[..., None]) & ~np.isnan(losses)
    seen = ~np.isnan(losses)
    reached, first = down.any(axis=-1), down.argmax(axis=-1)
    before = _last_seen_before(seen, first)
    at, former = _at_places(losses, first), _at_places(losses, np.maximum(before, 0))
    start = order[np.maximum(before, 0)]
    with np.errstate(invalid="ignore", divide="ignore"):
        reached_at = start + (former - target) / (former - at) * (order[first] - start)
    at_start = reached & (before < 0)
    last = order[len(x) - 1 - seen[..., ::-1].argmax(axis=-1)]
    low = np.where(at_start, -np.inf, np.where(reached, reached_at, last))
    high = np.where(at_start, order[first], np.where(reached, reached_at, np.inf))
    unknown = ~seen.any(axis=-1) | np.isnan(target)
    return Censored(np.where(unknown, np.nan, low), np.where(unknown, np.nan, high))


def _last_seen_before(seen: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The place of the last measurement before `first`, -1 if there is none."""
    places = np.where(seen, np.arange(seen.shape[-1]), -1)
    earlier = np.where(np.arange(seen.shape[-1]) < first[..., None], places, -1)
    return earlier.max(axis=-1)


def _at_places(losses: np.ndarray, places: np.ndarray) -> np.ndarray:
    return np.take_along_axis(losses, places[..., None], axis=-1)[..., 0]
