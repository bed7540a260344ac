"""`python -m tests.benchmarks.intervals`: how often the intervals of a fit hold the truth of a known law.

A row for each quantity of each study: `percentile` (every law, its runs resampled), `bca`, and `noise`
(simulated noise on 16 runs with checkpoints, most of it between runs or within them). `covered` is the share
of repeats whose 95% interval holds the truth, `width` the median width over that of the estimates' scatter
(2 * 1.96 standard deviations, of the logarithm for positive quantities); an open interval is endless.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quarry.analysis.fitting.bootstrap import Draws, draw_refits, refit, resample
from quarry.analysis.fitting.fit_intervals import FitIntervals
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.search import Data, Minima
from quarry.analysis.laws.law import Law
from tests.analysis.designs import DESIGNS, GRID, OFFSET, Design, checkpoints, measured, spaced
from tests.benchmarks.tables import write_dated

LEVEL = 0.95
NOISES = {"noise of runs": (0.003, 0.001), "noise of rows": (0.001, 0.003)}
_NORMAL = 1.959964


@dataclass(frozen=True)
class Covered:
    """Of one quantity: the number of `repeats`, the share that held the truth, the relative width."""

    quantity: str
    repeats: int
    covered: float
    width: float


def data_of(design: Design, target: np.ndarray) -> Data:
    """A fit's data with these targets [points]."""
    return Data(design.law, design.inputs, target, design.runs, Objective(), np.ones(len(design.runs)))


def percentile(design: Design, repeats: int, draws: int) -> list[Covered]:
    """Runs resampled, seed noise shared by the rows of a run; all fits start at the truth."""
    targets = design.log_losses(repeats, seed=1)
    refits = _refits(design, targets, draws)
    found = []
    for i, target in enumerate(targets):
        params, below, above = (part[i, 1:] for part in (refits.params, refits.below, refits.above))
        drawn = Draws(params, below, above, np.zeros(draws, bool), refits.units)
        found.append(FitIntervals(data_of(design, target), refits.params[i, 0], drawn, LEVEL, "percentile"))
    return measured_by(design, found)


def _refits(design: Design, targets: np.ndarray, draws: int) -> Draws:
    """The fit of every repeat, then its draws: [repeats, 1 + draws, parameters]."""
    repeats = len(targets)
    drawn = resample(design.runs, repeats * draws, seed=2).reshape(repeats, draws, -1)
    weights = np.concatenate([np.ones((repeats, 1, drawn.shape[2])), drawn], axis=1)
    repeated = np.repeat(targets, 1 + draws, axis=0)
    weights = weights.reshape(len(repeated), -1)
    found = refit(data_of(design, targets[0]), weights, np.array([design.true]), repeated)
    parts = (part.reshape(repeats, 1 + draws, -1) for part in (found.params, found.below, found.above))
    params, below, above = parts
    return Draws(params, below, above, found.undetermined, design.runs)


def bca(repeats: int, draws: int) -> list[Covered]:
    """BCa intervals of `power-offset`."""
    weights, found = resample(OFFSET.runs, draws, seed=5), []
    for data, params in _fits(OFFSET, repeats, seed=4):
        drawn = refit(data, weights, params[None])
        found.append(FitIntervals(data, params, drawn, LEVEL, "bca"))
    return measured_by(OFFSET, found)


def simulated_noise(noises: tuple[float, float], repeats: int, draws: int) -> list[Covered]:
    """Simulated noise on 16 runs of `chinchilla` with three checkpoints each."""
    compute = {"N": spaced(1e6, 1e9, 4), "horizon": spaced(4e8, 4e11, 4)}
    design = measured("chinchilla", GRID.true, compute, E=checkpoints)
    design, found = replace(design, run_noise=noises[0], noise=noises[1]), []
    for data, params in _fits(design, repeats, seed=1):
        drawn = draw_refits(data, Minima(params[None], np.zeros(1), 1, 1, np.zeros(1)), draws, 0, "noise")
        found.append(FitIntervals(data, params, drawn, LEVEL, "percentile"))
    return measured_by(design, found)


def _fits(design: Design, repeats: int, seed: int) -> Iterator[tuple[Data, np.ndarray]]:
    """The data of each repeat and its fit, all fitted at once."""
    targets = design.log_losses(repeats, seed=seed)
    fitted = data_of(design, targets[0]).solve(np.tile(design.true, (repeats, 1)), target=targets)
    for target, params in zip(targets, fitted.params, strict=True):
        yield data_of(design, target), params


def measured_by(design: Design, found: list[FitIntervals]) -> list[Covered]:
    """The coverage of every parameter and derived quantity by the intervals of the repeats."""
    rows = []
    for j, name in enumerate(design.law.parameter_names):
        estimates = np.array([each.params[j] for each in found])
        rows.append(_covered(name, design.true[j], estimates, [each.parameter(j) for each in found]))
    for derived in design.law.derived:
        estimates = np.array([_at(derived.value, design.law, each.params) for each in found])
        sides = [each.quantity(derived.value) for each in found]
        rows.append(_covered(derived.name, derived.value(design.params), estimates, sides))
    return rows


def _at(value: Callable[[Any], Any], law: Law, params: np.ndarray) -> float:
    return float(value(dict(zip(law.parameter_names, params, strict=True))))


def _covered(name: str, true: float, estimates: np.ndarray, sides: list[tuple[Any, Any]]) -> Covered:
    low, high = np.array([[-np.inf, np.inf] if None in side else side for side in sides], float).T
    below = np.array([side[0] is None or side[0] <= true for side in sides])
    above = np.array([side[1] is None or true <= side[1] for side in sides])
    if (estimates > 0).all() and (low[np.isfinite(low)] > 0).all():
        estimates, low, high = np.log(estimates), np.log(np.maximum(low, 1e-300)), np.log(high)
    width = np.median(high - low) / (2 * _NORMAL * estimates.std(ddof=1))
    return Covered(name, len(sides), float((below & above).mean()), float(width))


def main() -> None:
    """Write the coverage of every study."""
    options = argparse.ArgumentParser("python -m tests.benchmarks.intervals", description=__doc__)
    options.add_argument("--repeats", type=int, default=200, help="fits of each law; half for the others")
    repeats = options.parse_args().repeats
    write_dated("intervals", _rows(repeats))


def _rows(repeats: int) -> Iterator[dict[str, Any]]:
    studies: list[tuple[str, str, int, Callable[[int, int], list[Covered]]]] = [
        ("percentile", name, 100, lambda repeats, draws, own=design: percentile(own, repeats, draws))
        for name, design in DESIGNS.items()
    ]
    studies.append(("bca", "power-offset", 400, bca))
    studies += [
        (name, "chinchilla", 200, lambda repeats, draws, own=noises: simulated_noise(own, repeats, draws))
        for name, noises in NOISES.items()
    ]
    for study, law, draws, run in studies:
        print(study, law, flush=True)
        for row in run(repeats if study == "percentile" else repeats // 2, draws):
            yield {"study": study, "law": law, "draws": draws} | vars(row)


if __name__ == "__main__":
    main()
