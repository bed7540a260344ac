"""What a scaling law is: an object with a formula, its inputs, its parameters and its source.

N parameters, U unique training tokens, E tokens processed, C FLOPs, S optimiser steps, T position in the
context, M = E / N; losses in nats per token.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from typing import Any

from quarry.errors import LawError

Values = Mapping[str, Any]
"""Numbers or arrays by name. Arrays broadcast against each other."""

LOSS_STARTS = tuple(math.exp(e) for e in (-1.0, -0.5, 0.0, 0.5, 1.0))
SCALE_STARTS = tuple(10.0**power for power in range(0, 31, 5))
COEFFICIENT_STARTS = tuple(math.exp(a) for a in (0.0, 5.0, 10.0, 15.0, 20.0, 25.0))

# Published exponents lie between 0.03 and about 1. At 5 the term is a step, no longer a power law.
_LARGEST_EXPONENT = 5.0


@dataclass(frozen=True)
class Parameter:
    """A fitted number: its unit, the bounds of the search and the values it starts from.

    `log` parameters are positive and searched in their logarithm. A bound limits the search: a fit that ends
    on one has not converged. With `physical_lower` the lower bound limits the quantity itself (an irreducible
    loss is not negative).
    """

    name: str
    unit: str
    lower: float
    upper: float
    starts: tuple[float, ...]
    log: bool = False
    physical_lower: bool = False


def exponent(name: str, *starts: float, lower: float = 0.0) -> Parameter:
    """The exponent of a power law."""
    return Parameter(name, "", lower, _LARGEST_EXPONENT, starts)


def scale(name: str, unit: str) -> Parameter:
    """The x_0 of (x_0 / x)^alpha."""
    return Parameter(name, unit, 1e-100, 1e200, SCALE_STARTS, log=True)


def coefficient(name: str, unit: str, starts: tuple[float, ...] = COEFFICIENT_STARTS) -> Parameter:
    """The A of A / x^alpha."""
    return Parameter(name, unit, 1e-8, 1e40, starts, log=True)


def irreducible(name: str = "L_inf") -> Parameter:
    """The loss that no scale removes, in nats per token."""
    return Parameter(name, "nats/token", 0.0, 100.0, LOSS_STARTS, physical_lower=True)


@dataclass(frozen=True)
class Derived:
    """A number that follows from the parameters, such as an exponent of the compute-optimal plan."""

    name: str
    formula: str
    value: Callable[[Values], Any]


@dataclass(frozen=True)
class Nested:
    """A simpler law that equals a larger one at these values of the larger law's further parameters.

    Each minimum of the simpler law, combined with each value of `starts`, is a start of the larger law.
    """

    law: "Law"
    starts: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, eq=False)
class Law:
    """A scaling law: `predict(params, inputs)` gives the response, nearly always the loss in nats per token.

    `predict` takes numbers, NumPy arrays and JAX arrays: write it with plain arithmetic and the functions of
    `quarry.analysis.laws.mathematics`.
    """

    name: str
    formula: str
    """LaTeX."""
    inputs: tuple[str, ...]
    """Columns of the points table that it needs: among N, U, E, C, S_min, M, T, loss."""
    parameters: tuple[Parameter, ...]
    predict: Callable[[Values, Values], Any]
    source: str
    derived: tuple[Derived, ...] = ()
    response: str = "loss"
    """The column that the formula predicts."""
    decay: tuple[tuple[str, ...], ...] = ()
    """The exponents with which the response falls: each the product of these parameters."""
    early_stopped: bool = False
    """The law gives the lowest loss over passes: of points with equal inputs, the fit uses the best E."""
    nested: tuple[Nested, ...] = ()
    reference: Callable[[Values], "Law"] | None = None
    """The same law with its reference scales near these values of its inputs."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of the function that made the law, for laws with variants."""

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    def grid(self) -> int:
        """The number of combinations of the parameters' starts."""
        return math.prod(len(parameter.starts) for parameter in self.parameters)

    def starts(self) -> list[tuple[float, ...]]:
        """The grid of starting points: every combination of the parameters' starts."""
        return list(product(*(parameter.starts for parameter in self.parameters)))

    def derive(self, params: Values) -> dict[str, Any]:
        """The derived quantities at `params`."""
        return {derived.name: derived.value(params) for derived in self.derived}

    def frozen(self, values: Mapping[str, float]) -> "Law":
        """The law with these parameters fixed, which leaves the others to fit. Raises LawError."""
        if unknown := [name for name in values if name not in self.parameter_names]:
            raise LawError(f"{self.name} has no parameter {unknown[0]}: {', '.join(self.parameter_names)}")
        if len(values) == len(self.parameters):
            raise LawError(f"{self.name}: every parameter is frozen, nothing is left to fit")
        for parameter in self.parameters:
            check_inside(self.name, parameter, values.get(parameter.name, parameter.lower))
        return _frozen(self, tuple(sorted(values.items()))) if values else self


def check_inside(law: str, parameter: Parameter, value: float) -> None:
    """Raise LawError for a value outside the parameter's bounds."""
    if not parameter.lower <= value <= parameter.upper:
        limits = f"{parameter.lower:g} to {parameter.upper:g}"
        raise LawError(f"{law}: {parameter.name}={value:g} is outside its range, {limits}")


@cache  # one object per law and values: the fit compiles once per law object
def _frozen(law: Law, values: tuple[tuple[str, float], ...]) -> Law:
    fixed = dict(values)
    return replace(
        law,
        parameters=tuple(parameter for parameter in law.parameters if parameter.name not in fixed),
        predict=lambda p, v: law.predict({**p, **fixed}, v),
        derived=tuple(
            replace(derived, value=lambda p, value=derived.value: value({**p, **fixed}))
            for derived in law.derived
        ),
        nested=(),
        reference=None,
    )
