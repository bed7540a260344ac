"""What `quarry tune` searches: fields of the experiment, each between two values, on a logarithmic scale."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from quarry.checks import require
from quarry.text import did_you_mean
from quarry.train.config.experiment import Experiment

EDGE = 0.1
"""A best value in this share of its range at either end is at the edge: a better one may lie outside."""

_BELOW_ONE = ("optimizer.beta1", "optimizer.beta2")
"""Searched by their distance from 1, which is what matters: it sets how many steps a mean reaches back."""


@dataclass(frozen=True)
class Range:
    """The values of one field, as FIELD=LOW:HIGH."""

    field: str
    low: float
    high: float

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which positive numbers the search draws, uniformly in their logarithm."""
        return (1 - self.high, 1 - self.low) if self.field in _BELOW_ONE else (self.low, self.high)

    def value(self, drawn: float) -> float:
        """The field's value for a number between the bounds, rounded to four digits as it is recorded."""
        return float(f"{1 - drawn if self.field in _BELOW_ONE else drawn:.4g}")

    def place(self, value: float) -> float:
        """Where a value lies in the range, from 0 at one end to 1 at the other."""
        low, high = self.bounds
        drawn = 1 - value if self.field in _BELOW_ONE else value
        return (math.log(drawn) - math.log(low)) / (math.log(high) - math.log(low))

    def at_edge(self, value: float) -> bool:
        """Whether a best value lies so near an end of the range that a better one may lie beyond it."""
        return not EDGE <= self.place(value) <= 1 - EDGE

    @property
    def option(self) -> str:
        """The option of `quarry train` that sets the field."""
        return "--" + self.field.replace("_", "-")


def parse_range(words: str) -> Range:
    """FIELD=LOW:HIGH, such as optimizer.learning-rate=1e-4:1e-1. Raises ConfigError."""
    field, _, values = words.partition("=")
    field, (low, _, high) = field.strip().replace("-", "_"), values.partition(":")
    require(bool(low and high), f"--over {words}: write FIELD=LOW:HIGH, such as {_EXAMPLE}")
    names = number_fields()
    require(
        field in names, f"--over {words}: no number {field!r} in the experiment{did_you_mean(field, names)}"
    )
    numbers = [_number(words, text) for text in (low, high)]
    found = Range(field, *numbers)
    require(
        0 < found.bounds[0] < found.bounds[1] < math.inf,
        f"--over {words}: LOW and HIGH must be positive and LOW the smaller (of a beta: both below 1)",
    )
    return found


_EXAMPLE = "optimizer.learning-rate=1e-4:1e-1"


def _number(words: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        require(False, f"--over {words}: {text!r} is not a number")
        raise


def number_fields(of: Any = None, before: str = "") -> list[str]:
    """The fields of an experiment that are real numbers, with dots between their groups."""
    of = Experiment() if of is None else of
    found = []
    for field in dataclasses.fields(of):
        value = getattr(of, field.name)
        if dataclasses.is_dataclass(value):
            found += number_fields(value, f"{before}{field.name}.")
        elif isinstance(value, float):
            found.append(before + field.name)
    return found
