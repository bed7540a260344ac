"""How a trained model is fine-tuned and tested. Needs no JAX."""

import math
from dataclasses import dataclass

from quarry.checks import check_types, require


@dataclass(frozen=True)
class FineTuning:
    """How a model is fine-tuned and tested."""

    examples: tuple[int, ...] = (8, 32, 128, 512)
    """Numbers of labelled snippets."""
    draws: int = 5
    """Repeats, each with other examples, from which intervals are made."""
    length: int = 64
    """Tokens of a snippet."""
    steps: int = 150
    """Optimiser steps, the same for every number of examples."""
    batch: int = 16
    """Snippets of a step, drawn from the examples."""
    rate: tuple[float, ...] = (1.0,)
    """The first rate, as a share of the peak rate of the run; several are all tried."""
    test: int = 512
    """Snippets that are classified."""
    validation: bool = False
    """Classify snippets of validation documents instead of test documents, to choose the other settings."""
    scratch: bool = False
    """Begin with random weights in place of those of the run."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("draws", "length", "steps", "batch", "test"):
            require(getattr(self, name) >= 1, f"{name} must be at least 1, not {getattr(self, name)}")
        for rate in self.rate:
            require(0 < rate < math.inf, f"rate must be positive and finite, not {rate}")
        require(
            bool(self.examples) and min(self.examples) >= 2, f"examples must be 2 or more: {self.examples}"
        )
