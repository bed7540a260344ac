"""Whether the points vary two inputs of a law apart, or tie them together."""

from collections.abc import Mapping

import numpy as np

# In a ladder of E = 20 N the correlation is 1; a grid of sizes and token counts has 0.
_CONFOUNDED = 0.98

# An input whose logarithm varies by less does not vary: the product of two standard deviations.
_NO_SPREAD = 1e-9

# The inputs that a ladder may tie together.
_PAIRS = (("N", "E"), ("N", "U"), ("N", "S_min"), ("C", "M"))


def confounded(correlation: float | None) -> bool:
    """Whether inputs whose logarithms correlate so strongly leave a law's exponents indistinguishable."""
    return correlation is not None and abs(correlation) > _CONFOUNDED


def strongest_correlation(inputs: Mapping[str, np.ndarray]) -> float | None:
    """The strongest correlation of the logarithms of two inputs [points]; None for a single input."""
    pair = strongest_pair(inputs)
    return None if pair is None else _correlation(inputs, *pair)


def strongest_pair(inputs: Mapping[str, np.ndarray]) -> tuple[str, str] | None:
    """The two inputs whose logarithms correlate most, of those that a ladder may tie together."""
    pairs = [pair for pair in _PAIRS if set(pair) <= set(inputs)]
    return max(pairs, key=lambda pair: abs(_correlation(inputs, *pair)), default=None)


def _correlation(inputs: Mapping[str, np.ndarray], first: str, second: str) -> float:
    one, two = np.log(inputs[first]), np.log(inputs[second])
    if (first, second) == ("C", "M"):  # what was trained is N and E: C = 6NE, M = E / N
        one, two = one - two, one + two
    spread = one.std() * two.std()
    return float(np.mean((one - one.mean()) * (two - two.mean())) / spread) if spread > _NO_SPREAD else 0.0
