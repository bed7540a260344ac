"""What a fit minimises."""

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

    Residuals are of log loss, or of the loss itself if not `logarithmic`. A measured loss above the law costs
    `above` times as much as one below it: with less than 1, runs that were tuned badly pull less.
    """

    delta: float = 1e-3
    logarithmic: bool = True
    above: float = 1.0

    @classmethod
    def of(cls, residuals: Residuals, huber_delta: float, above: float) -> "Objective":
        """The objective by name. Raises LawError."""
        check_choice(LawError, "objective", residuals, get_args(Residuals))
        check_positive(LawError, huber_delta=huber_delta)
        if not 0 < above <= 1:
            raise LawError(f"above={above}: must be above 0 and at most 1")
        return cls(huber_delta if residuals == "huber" else math.inf, residuals != "raw", above)

    def target(self, response: np.ndarray) -> np.ndarray:
        """The response as residuals see it."""
        return np.log(response) if self.logarithmic else response

    def response(self, target: np.ndarray) -> np.ndarray:
        """The inverse of `target`."""
        return np.exp(target) if self.logarithmic else target

    def terms(self, residuals: np.ndarray) -> np.ndarray:
        """What each residual costs."""
        size = np.abs(residuals)
        inside = np.minimum(size, self.delta)
        return np.where(residuals < 0, self.above, 1.0) * inside * (size - 0.5 * inside)

    def slopes(self, residuals: np.ndarray) -> np.ndarray:
        """The derivative of each term by its residual."""
        return np.where(residuals < 0, self.above, 1.0) * np.clip(residuals, -self.delta, self.delta)

    def words(self) -> str:
        """The objective in words."""
        of = "log loss" if self.logarithmic else "loss"
        what = f"squares of {of}" if math.isinf(self.delta) else f"Huber terms of {of}, delta {self.delta:g}"
        return f"sum of {what}" + (
            "" if self.above == 1 else f", {self.above:g} times for losses above the law"
        )
