"""Candidates for the next run: a grid over the fitted range of N and E, and above it."""

import math
from typing import TYPE_CHECKING

import numpy as np

from quarry import text
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.planning.surface import Surface

PASSES = (1.0, 4.0, 16.0)
"""The epochs that a candidate may make, for a law that knows repeats."""

# Candidates reach to this factor above the fitted range of N and E, and to this factor on both sides of the
# range of E/N; N and E take so many values. None lies below in N or E: power laws fail there first.
_BEYOND, _VALUES = 10.0, 25

Range = tuple[float, float]


def list_candidates(surface: "Surface", unique_tokens: float | None = None) -> dict[str, np.ndarray]:
    """N, E and U [candidates] of possible runs, U at most `unique_tokens`. Raises FitError.

    N and E reach from the least fitted to ten times the largest, E/N a factor of ten beyond both of its ends.
    """
    n_range, e_range = fitted_ranges(surface)
    low, high = _range(surface, "E/N" if "N" in surface.law.inputs else "M")
    n, tokens = (np.geomspace(least, most * _BEYOND, _VALUES).round() for least, most in (n_range, e_range))
    passes = np.array([1.0] if surface.first_pass else PASSES)
    n, tokens, k = (axis.ravel() for axis in np.meshgrid(n, tokens, passes, indexing="ij"))
    unique = tokens / k
    possible = (n >= 1) & (unique >= 1) & (unique <= (unique_tokens or math.inf))
    possible &= (tokens >= low / _BEYOND * n) & (tokens <= high * _BEYOND * n)
    return {"N": n[possible], "E": tokens[possible], "U": unique[possible]}


def fitted_ranges(surface: "Surface") -> tuple[Range, Range]:
    """The ranges of N and E; for a law in C and M from C = 6NE and M = E / N. Raises FitError."""
    if "N" in surface.law.inputs:
        return _range(surface, "N"), _range(surface, "E")
    ends = [(c / 6, m) for c in _range(surface, "C") for m in _range(surface, "M")]
    n, tokens = zip(*((math.sqrt(product / m), math.sqrt(product * m)) for product, m in ends), strict=True)
    return (min(n), max(n)), (min(tokens), max(tokens))


def _range(surface: "Surface", x: str) -> Range:
    if x not in surface.ranges:
        raise FitError(f"{surface.name}: the range of {x} that was fitted is not known")
    return surface.ranges[x]


def flops_of(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """C = 6NE of each: [candidates]."""
    return 6 * inputs["N"] * inputs["E"]


def check_affordable(inputs: dict[str, np.ndarray], most: float) -> None:
    """Raise FitError if none of the candidates takes at most `most` FLOPs."""
    flops = flops_of(inputs)
    if not (flops <= most).any():
        cheapest = (
            f"the cheapest takes {text.power(float(flops.min()))} FLOPs" if len(flops) else "there is none"
        )
        raise FitError(f"{text.power(most)} FLOPs buy no run near the fitted range: {cheapest}")
