"""The objective that a fit minimises."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from quarry.checks import check_choice, check_positive
from quarry.errors import LawError

Residuals = Literal["huber", "log", "raw"]
"""Huber terms of log loss, least squares of log loss, least squares of loss."""


@dataclass(frozen=True)
class Objective:
    """The sum over points of Huber terms of the residuals; plain squares where `delta` is infinite.

    Residuals are of log loss, or of the loss itself if not `logarithmic`. `above` is the relative penalty for
    losses above the curve (1 = symmetric): below 1, badly tuned runs have less weight.
    """

    delta: float = 1e-3
    logarithmic: bool = True
    above: float = 1.0

    @classmethod
    def of(cls, residuals: Residuals, huber_delta: float, above: float) -> "Objective":
        """The objective called `residuals`. Raises LawError."""
        check_choice(LawError, "objective", residuals, get_args(Residuals))
        check_positive(LawError, huber_delta=huber_delta)
        if not 0 < above <= 1:
            raise LawError(f"above={above}: must be above 0 and at most 1")
        return cls(huber_delta if residuals == "huber" else math.inf, residuals != "raw", above)

    def target(self, response: np.ndarray) -> np.ndarray:
        """The response, or its logarithm: residuals are differences of it."""
        return np.log(response) if self.logarithmic else response

    def response(self, target: np.ndarray) -> np.ndarray:
        """The inverse of `target`."""
        return np.exp(target) if self.logarithmic else target

    def terms(self, residuals: np.ndarray) -> np.ndarray:
        """The cost of each residual (predicted less measured)."""
        size = np.abs(residuals)
        inside = np.minimum(size, self.delta)
        return np.where(residuals < 0, self.above, 1.0) * inside * (size - 0.5 * inside)

    def slopes(self, residuals: np.ndarray) -> np.ndarray:
        """The derivative of each cost by its residual."""
        return np.where(residuals < 0, self.above, 1.0) * np.clip(residuals, -self.delta, self.delta)

    def words(self) -> str:
        """The objective in words, for the checklist."""
        loss = "log loss" if self.logarithmic else "loss"
        squares = math.isinf(self.delta)
        terms = f"squares of {loss}" if squares else f"Huber terms of {loss}, delta {self.delta:g}"
        side = "" if self.above == 1 else f", {self.above:g} times for losses above the law"
        return f"sum of {terms}{side}"
