"""The gradient noise scale: tr Sigma / |G|^2, in tokens, from the gradients of a batch and of its parts.

Sigma is the covariance of the gradient of one token, G the mean gradient. McCandlish et al. 2018 (arXiv
1812.06162), appendix A.1 (recalled): both are averaged over steps before their ratio, as a ratio of noisy
numbers is biased. On repeated text the batches are no fresh draws: it is then the noise of the training set.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

MEMORY = 20
"""Logged steps that the running mean remembers: its weights fall by 1 - 1 / MEMORY a step."""

COLUMNS = ("g_squared", "trace_sigma")
"""The unbiased estimates of |G|^2 and tr Sigma at one step, as metrics.jsonl names them."""


def gradient_noise(small_square: Any, big_square: Any, small: float, big: float) -> tuple[Any, Any]:
    """Unbiased |G|^2 and tr Sigma from the mean square norms of gradients over `small` and `big` tokens.

    NaN for equal batches: one gradient does not say how much of it is noise.
    """
    if small == big:
        return math.nan * big_square, math.nan * big_square
    g_squared = (big * big_square - small * small_square) / (big - small)
    return g_squared, (small_square - big_square) / (1 / small - 1 / big)


class NoiseScale:
    """The ratio of the running means; a pure function of the logged rows, so that a resumed run goes on."""

    def __init__(self, former: Iterable[Mapping[str, Any]] = ()):
        self._means = dict.fromkeys(COLUMNS, 0.0)  # from 0: the correction for the start cancels in the ratio
        for row in former:
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a logged step; one without both estimates counts for nothing."""
        if any(row.get(name) is None for name in COLUMNS):
            return
        for name in COLUMNS:
            self._means[name] += (row[name] - self._means[name]) / MEMORY

    @property
    def tokens(self) -> float | None:
        """B_simple; None where it is not measurable: no estimate yet, or no gradient above its noise."""
        g_squared, trace = (self._means[name] for name in COLUMNS)
        return trace / g_squared if g_squared > 0 and trace > 0 else None
