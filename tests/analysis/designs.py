"""Synthetic scale points of known laws, one design for each law."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.laws.catalog import LAWS
from quarry.analysis.laws.law import Law

PF_DAY = 8.64e19


@dataclass(frozen=True)
class Design:
    """A law, its true parameters, and where it is measured.

    Noise is log-normal: rows of one run share an offset of standard deviation `run_noise` (the seed), and
    each row adds `noise` of its own.
    """

    law: Law
    true: tuple[float, ...]
    inputs: dict[str, np.ndarray]
    runs: np.ndarray
    run_noise: float = 0.003
    noise: float = 0.001

    @property
    def params(self) -> dict[str, float]:
        return dict(zip(self.law.parameter_names, self.true, strict=True))

    @property
    def spread(self) -> float:
        """The standard deviation of one row's noise."""
        return float(np.hypot(self.run_noise, self.noise))

    def exact(self) -> np.ndarray:
        return np.asarray(self.law.predict(self.params, self.inputs))

    def log_losses(self, repeats: int, seed: int = 0) -> np.ndarray:
        """[repeats, points]."""
        rng = np.random.default_rng(seed)
        offsets = rng.standard_normal((repeats, self.runs.max() + 1))[:, self.runs]
        rows = rng.standard_normal((repeats, len(self.runs)))
        return np.log(self.exact()) + self.run_noise * offsets + self.noise * rows

    def table(self, seed: int = 0) -> pl.DataFrame:
        loss = np.exp(self.log_losses(1, seed)[0])
        return pl.DataFrame({**self.inputs, self.law.response: loss, "run": [f"run {i}" for i in self.runs]})


def measured(
    name: str, true: tuple[float, ...], each_run: dict[str, Any], seeds: int = 1, **within: Any
) -> Design:
    """`seeds` runs at every combination of `each_run`, each with a row at every combination of `within`.

    A value in `within` may be a function of the run's inputs.
    """
    rows, runs = [], []
    axes = np.meshgrid(*each_run.values(), np.arange(seeds), indexing="ij")
    for i, values in enumerate(zip(*(axis.ravel() for axis in axes[:-1]), strict=True)):
        own = dict(zip(each_run, values, strict=True))
        for name_within, places in within.items():
            for value in places(own) if callable(places) else places:
                rows.append({**own, name_within: value})
                runs.append(i)
    inputs = {key: np.array([row[key] for row in rows], float) for key in LAWS[name].inputs}
    return Design(LAWS[name], true, inputs, np.array(runs))


def checkpoints(own: dict[str, float]) -> np.ndarray:
    """Annealed at a quarter, a half and all of a run's tokens."""
    return own["horizon"] * np.array([0.25, 0.5, 1.0])


def passes(own: dict[str, float]) -> np.ndarray:
    """Annealed after 1 to 32 epochs."""
    return own["U"] * 2.0 ** np.arange(6)


def spaced(low: float, high: float, number: int) -> np.ndarray:
    """Evenly in the logarithm."""
    return np.geomspace(low, high, number)


TWICE = (0, 1)
_SURFACE = {"N": spaced(1e7, 1e9, 7), "U": spaced(1e8, 1e10, 6)}
_COMPUTE = {"N": spaced(1e6, 1e9, 8), "horizon": spaced(4e8, 4e11, 7)}

KAPLAN = measured("kaplan-n", (8.8e13, 0.076), {"N": spaced(1e5, 1e9, 10)}, seeds=4, evaluation=TWICE)
OFFSET = measured("power-offset", (1.7, 1e6, 0.3), {"N": spaced(1e4, 1e8, 10)}, seeds=4, evaluation=TWICE)
GRID = measured("chinchilla", (1.69, 406.4, 410.7, 0.34, 0.28), _COMPUTE, E=checkpoints)
DESIGNS = {
    "kaplan-n": KAPLAN,
    "kaplan-d": measured(
        "kaplan-d", (5.4e13, 0.095), {"U": spaced(2e7, 2e10, 8)}, seeds=4, evaluation=TWICE
    ),
    "kaplan-c": measured(
        "kaplan-c", (3.1e8 * PF_DAY, 0.05), {"C": spaced(1e12, 1e21, 10)}, seeds=4, evaluation=TWICE
    ),
    "kaplan-nd": measured(
        "kaplan-nd",
        (6.4e13, 1.8e13, 0.076, 0.103),
        {"N": spaced(1e5, 1.5e9, 8), "U": spaced(2.2e7, 2.3e10, 6)},
        evaluation=TWICE,
    ),
    "kaplan-ns": measured(
        "kaplan-ns", (6.5e13, 2.1e3, 0.077, 0.76), {"N": spaced(1e5, 1.5e9, 10)}, 4, S_min=spaced(3e3, 3e5, 5)
    ),
    "critical-batch": replace(
        measured("critical-batch", (2.1e8, 0.21), {"model": np.arange(20)}, loss=np.linspace(2.2, 5.0, 6)),
        run_noise=0.05,
        noise=0.05,
    ),
    "power-offset": OFFSET,
    "chinchilla": GRID,
    "skaling": measured("skaling", (1.6, 3e6, 3e6, 0.85, 0.7, 0.4), _COMPUTE, E=checkpoints),
    "data-constrained": measured(
        "data-constrained",
        (1.87, 521.0, 1488.0, 0.353, 0.353, 15.4, 5.31),
        {"N": spaced(5e6, 2e9, 7), "U": spaced(1e8, 1e10, 6)},
        E=passes,
    ),
    "effective-reuse": measured(
        "effective-reuse",
        (1.8, 482.0, 2085.0, 0.348, 0.366, 1.29, 1.65e7),
        {"N": spaced(1e7, 1e9, 6), "U": spaced(3e7, 1e10, 6)},
        E=passes,
    ),
    "overfit-epochs": measured(
        "overfit-epochs",
        (1.8, 482.0, 2085.0, 0.348, 0.366, 0.01, 0.8, 0.5),
        {"N": spaced(1e7, 1e9, 8), "U": spaced(1e8, 1e10, 7)},
        E=passes,
    ),
    "bounded": measured(
        "bounded",
        (1.8, 482.0, 2085.0, 0.348, 0.366, 12.0, 0.02, 0.5, 0.45),
        {"N": spaced(1e7, 1e9, 8), "U": spaced(1e8, 1e10, 7)},
        E=passes,
    ),
    "epochs": measured(
        "epochs", (1.7, 2.2e4, 2.3e4, 0.567, 0.467, 0.6, 12.0, 0.2, 0.15), _SURFACE, E=passes
    ),
    "context": measured("context", (2.4, 5.1, 0.61), {"model": np.arange(20)}, T=2.0 ** np.arange(11)),
    "broken-power": measured(
        "broken-power", (1.5, 8.0, 0.1, 0.3, 1e7, 0.3), {"N": spaced(1e3, 1e11, 20)}, 3, evaluation=TWICE
    ),
    # Gadre et al. 2024 on C4 (recalled).
    "overtraining": measured(
        "overtraining",
        (1.51, 141.0, 190.0, 0.121),
        {"C": spaced(1e17, 1e22, 6), "M": spaced(5.0, 640.0, 8)},
        evaluation=TWICE,
    ),
}  # fmt: skip
