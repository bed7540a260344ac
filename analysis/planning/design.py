"""The choice among candidate runs that narrows a target the most: a c-optimal design.

A run at (N, E) adds g g' / sigma^2 to the information about the parameters, with g the gradient of log loss
by them and sigma^2 the variance of the seed noise and of the law's misfit there; the information so far is
the inverse of the covariance of the fit's draws. A target that is a loss has a misfit of its own, which runs
further out take away. Of laws together each has its own parameters, and the variance is the mean of theirs,
and that between them: which law new runs will favour is not known before.
To first order the variance of a quantity with gradient c falls from c' V c to that with the new V (Elfving
1952; Chaloner and Larntz 1989 for nonlinear models, recalled).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.fitting.coordinates import search_coordinate
from quarry.analysis.planning.candidates import flops_of
from quarry.analysis.planning.misfit import TargetMisfit, run_misfit, target_misfit
from quarry.analysis.planning.surface import Surface, law_inputs
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.planning.target import Target

# A correlation matrix of the draws with a larger condition number is singular.
_SINGULAR = 1e12

# Rounds of exchange at most; a few are enough.
_EXCHANGES = 20


def gradient(surface: Surface, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """d log loss / d free parameter, per e-fold for `log` ones, at each run: [runs, parameters]."""
    from quarry.analysis.fitting.solver import jacobian  # JAX takes a second to import

    law = surface.law.frozen({name: surface.params[name] for name in surface.frozen})
    params = np.array([surface.params[name] for name in law.parameter_names])
    return jacobian(law, params, law_inputs(law, inputs["N"], inputs["E"], inputs["U"]))


@dataclass(frozen=True)
class Information:
    """What is known of one law's free parameters, and what each candidate adds.

    covariance [parameters, parameters], target [parameters], runs [candidates, parameters] in units of a
    run's noise and misfit.
    """

    covariance: np.ndarray
    target: np.ndarray
    runs: np.ndarray

    @classmethod
    def of(cls, surface: Surface, inputs: dict[str, np.ndarray], target: np.ndarray) -> "Information":
        """`target` is the gradient of the target. Raises FitError for a singular covariance, or no noise."""
        if not surface.seed_noise > 0:
            raise FitError(f"{surface.name}: seed noise {surface.seed_noise:g} gives runs no weight")
        misfit = run_misfit(surface, law_inputs(surface.law, inputs["N"], inputs["E"], inputs["U"]))
        deviation = np.hypot(surface.seed_noise, misfit)
        scaled = np.nan_to_num(gradient(surface, inputs) / deviation[..., None])
        return cls(_covariance(surface), target, scaled)

    def gains(self, chosen: Sequence[int]) -> np.ndarray:
        """The reduction of the target's variance by each candidate after those chosen: [candidates]."""
        along = self.runs @ self.after(chosen)
        return (along @ self.target) ** 2 / (1 + np.sum(along * self.runs, axis=1))

    def variance(self, chosen: Sequence[int]) -> float:
        """The variance of the target with these runs."""
        return float(self.target @ self.after(chosen) @ self.target)

    def after(self, chosen: Sequence[int]) -> np.ndarray:
        """The covariance with these runs, by one rank-one update for each (Sherman and Morrison)."""
        covariance = self.covariance
        for place in chosen:
            along = covariance @ self.runs[place]
            covariance = covariance - np.outer(along, along) / (1 + self.runs[place] @ along)
        return covariance


@dataclass(frozen=True)
class Design:
    """What is known of each law, with its share, and the FLOPs of each candidate [candidates].

    `disagreement` is the variance of the target between the laws, `misfit` that of a target that is a loss.
    """

    laws: tuple[tuple[float, Information], ...]
    flops: np.ndarray
    misfit: TargetMisfit | None = None
    disagreement: float = 0.0

    @classmethod
    def of(cls, surface: Surface, inputs: dict[str, np.ndarray], target: "Target") -> "Design":
        """Raises FitError for a covariance that is singular, or without seed noise."""
        laws = tuple((law.share, Information.of(law.surface, inputs, law.gradient)) for law in target.laws)
        runs = law_inputs(surface.law, inputs["N"], inputs["E"], inputs["U"])
        misfit = target_misfit(surface, runs, target.at)
        return cls(laws, flops_of(inputs), misfit, target.disagreement)

    def choose(self, runs: int, budget: float, most: float) -> list[int]:
        """The candidates chosen, each of at most `most` FLOPs, in the order in which they help."""
        starts = (self._greedy(runs, budget, most, power) for power in (1.0, 0.0))
        best = min((self._exchanged(chosen, budget, most) for chosen in starts), key=self.variance)
        return self._ordered(best)

    def _greedy(self, runs: int, budget: float, most: float, power: float) -> list[int]:
        """One run after the other: the largest reduction of variance over FLOPs to this power."""
        chosen: list[int] = []
        while len(chosen) < runs:
            gain = self._affordable_gains(chosen, budget, most)
            if not gain.any():
                break
            chosen.append(int(np.argmax(gain / self.flops**power)))
        return chosen

    def _exchanged(self, chosen: list[int], budget: float, most: float) -> list[int]:
        """Each run replaced by the best in its place, until none changes (Fedorov 1972, recalled)."""
        for _ in range(_EXCHANGES):
            before = list(chosen)
            for place in range(len(chosen)):
                others = chosen[:place] + chosen[place + 1 :]
                chosen[place] = int(np.argmax(self._affordable_gains(others, budget, most)))
            if chosen == before:
                break
        return chosen

    def _ordered(self, chosen: Sequence[int]) -> list[int]:
        rest, done = list(chosen), list[int]()
        while rest:
            gain = self.gains(done)
            done.append(rest.pop(int(np.argmax(gain[rest]))))
        return done

    def _affordable_gains(self, chosen: Sequence[int], budget: float, most: float) -> np.ndarray:
        """The gains of the candidates within the remaining budget, 0 for the others: [candidates]."""
        left = min(most, budget - self.flops[list(chosen)].sum())
        return np.where(self.flops <= left, self.gains(chosen), 0.0)

    def gains(self, chosen: Sequence[int]) -> np.ndarray:
        """The reduction of the target's variance by each candidate after those chosen: [candidates]."""
        of_parameters = sum(share * law.gains(chosen) for share, law in self.laws)
        return np.asarray(of_parameters if self.misfit is None else of_parameters + self.misfit.gains(chosen))

    def variance(self, chosen: Sequence[int]) -> float:
        """The variance of the target with these runs."""
        of_parameters = sum(share * law.variance(chosen) for share, law in self.laws)
        return of_parameters + self.disagreement + self.misfit_variance(chosen)

    def misfit_variance(self, chosen: Sequence[int]) -> float:
        """What of that is misfit."""
        return 0.0 if self.misfit is None else self.misfit.variance(chosen)


def _covariance(surface: Surface) -> np.ndarray:
    """The covariance of the free parameters in search coordinates: [parameters, parameters]."""
    drawn = np.array([search_coordinate(p, surface.draws[p.name]) for p in surface.free])
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
    if drawn.shape[1] <= len(surface.free) or not (np.ptp(drawn, axis=1) > 0).all():
        raise FitError(f"the draws of {surface.name} do not vary in every parameter: no error follows")
    covariance = np.atleast_2d(np.cov(drawn))
    spread = np.sqrt(np.diag(covariance))
    if np.linalg.cond(covariance / np.outer(spread, spread)) > _SINGULAR:
        raise FitError(
            f"the draws of {surface.name} leave its parameters one free combination (a singular covariance): "
            "fit a law with fewer parameters, or vary each input at fixed others"
        )
    return covariance
