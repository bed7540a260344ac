"""The quantity that the next runs narrow: a parameter, a derived quantity, or the loss at a budget."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.planning.optimum import find_optimum
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Parameter, Values
    from quarry.analysis.planning.surface import Surface

# The step of a search coordinate in numerical derivatives.
_STEP = 1e-5


@dataclass(frozen=True)
class Target:
    """The value of the target, and its gradient by the free parameters [parameters].

    Errors are of its logarithm where it is `logarithmic`.
    """

    value: float
    logarithmic: bool
    gradient: np.ndarray


def find_target(surface: "Surface", name: str, unique_tokens: float | None = None) -> Target:
    """A parameter, a derived quantity such as `a`, or `loss@C`, the loss of the best plan for C FLOPs.

    Raises FitError for another name, where no error follows, and where there is no plan.
    """
    value, logarithmic = _quantity(surface, name, unique_tokens)
    at = float(value(surface.params))
    slopes = np.array([_slope(surface, value, parameter) for parameter in surface.free])
    if not (math.isfinite(at) and np.isfinite(slopes).all()) or (logarithmic and at <= 0):
        raise FitError(f"{name} is {at:g} in this fit: no error follows")
    if not slopes.any():
        raise FitError(f"{name} does not depend on the fitted parameters")
    return Target(at, logarithmic, slopes / at if logarithmic else slopes)


def _quantity(surface: "Surface", name: str, unique: float | None) -> "tuple[Callable[[Values], Any], bool]":
    """The target as a function of the parameters, and whether its error is that of a logarithm."""
    if name.startswith("loss@"):
        n, tokens = find_optimum(surface, _budget(name), unique)
        # At the minimum the loss is flat in N and E, so they may stay where they are.
        return lambda p: surface.loss(n, tokens, unique, p), False
    derived = {derived.name: derived.value for derived in surface.law.derived}
    logarithmic = {parameter.name: parameter.log for parameter in surface.law.parameters}
    if name in logarithmic:
        return lambda p: p[name], logarithmic[name]
    if name in derived:
        return derived[name], False
    choices = ", ".join([*logarithmic, *derived, "loss@FLOPS"])
    raise FitError(f"target={name!r} is not a quantity of {surface.law.name}: choose one of {choices}")


def _budget(name: str) -> float:
    words = name.removeprefix("loss@")
    try:
        flops = float(words)
    except ValueError:
        flops = math.nan
    if not (math.isfinite(flops) and flops > 0):
        raise FitError(f"target={name!r}: {words!r} is no budget in FLOPs, such as loss@1e21")
    return flops


def _slope(surface: "Surface", value: "Callable[[Values], Any]", parameter: "Parameter") -> float:
    """The derivative of a quantity by one parameter, per e-fold for a `log` one."""
    middle = surface.params[parameter.name]

    def at(step: float) -> float:
        moved = middle * math.exp(step) if parameter.log else middle + step
        with np.errstate(all="ignore"):
            return float(value({**surface.params, parameter.name: moved}))

    return (at(_STEP) - at(-_STEP)) / (2 * _STEP)
