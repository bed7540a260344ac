"""The quantity that the next runs narrow: a parameter, a derived quantity, or the loss at a budget."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.planning.members import members_of
from quarry.analysis.planning.optimum import find_optimum
from quarry.analysis.planning.surface import law_inputs
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Parameter, Values
    from quarry.analysis.planning.members import Member
    from quarry.analysis.planning.surface import Surface

_LOSS = "loss@"
"""How the name of a loss at a budget begins."""

# The step of a search coordinate in numerical derivatives.
_STEP = 1e-5


@dataclass(frozen=True)
class LawTarget:
    """A target by one law, which has this share: its value, and its gradient by the free parameters
    [parameters]."""

    share: float
    surface: "Surface"
    value: float
    gradient: np.ndarray


@dataclass(frozen=True)
class Target:
    """The value of the target, and what each law of the fit says of it.

    Errors are of its logarithm where it is `logarithmic`. `at` are the law's inputs where it is a loss.
    """

    value: float
    logarithmic: bool
    laws: tuple[LawTarget, ...]
    at: dict[str, Any] | None = None

    @property
    def disagreement(self) -> float:
        """The variance of the value between the laws."""
        shares, values = np.array([(law.share, law.value) for law in self.laws]).T
        return float(shares @ (values - shares @ values) ** 2)


def find_target(surface: "Surface", name: str, unique_tokens: float | None = None) -> Target:
    """A parameter, a derived quantity such as `a`, or `loss@C`, the loss of the best plan for C FLOPs.

    Raises FitError for another name, where no error follows, and where there is no plan.
    """
    plan = find_optimum(surface, _budget(name), unique_tokens) if name.startswith(_LOSS) else None
    at = plan and law_inputs(surface.law, *plan, unique_tokens)
    value, logarithmic = _quantity(surface, name) if at is None else (_loss(surface, at), False)
    if name in surface.frozen:
        raise FitError(f"{name} does not depend on the fitted parameters")
    laws = tuple(_of_law(member, name, at) for member in members_of(surface).values())
    return Target(float(value(surface.params)), logarithmic, laws, at)


def _of_law(member: "Member", name: str, at: dict[str, Any] | None) -> LawTarget:
    """The target by one law. Raises FitError where it is not finite, or depends on no parameter."""
    surface = member.surface
    value, logarithmic = _quantity(surface, name) if at is None else (_loss(surface, at), False)
    middle = float(value(surface.params))
    slopes = np.array([_slope(surface, value, parameter) for parameter in surface.free])
    if not (math.isfinite(middle) and np.isfinite(slopes).all()) or (logarithmic and middle <= 0):
        raise FitError(f"{name} is {middle:g} in this fit: no error follows")
    if not slopes.any():
        raise FitError(f"{name} does not depend on the fitted parameters")
    return LawTarget(member.share, surface, middle, slopes / middle if logarithmic else slopes)


def _loss(surface: "Surface", at: dict[str, Any]) -> "Callable[[Values], Any]":
    """The loss of a plan: flat in N and E at the minimum, so that they may stay where they are."""
    return lambda params: surface.law.predict(params, at)


def _quantity(surface: "Surface", name: str) -> "tuple[Callable[[Values], Any], bool]":
    """The target as a function of the parameters, and whether its error is that of a logarithm."""
    derived = {derived.name: derived.value for derived in surface.law.derived}
    logarithmic = {parameter.name: parameter.log for parameter in surface.law.parameters}
    if name in logarithmic:
        return lambda p: p[name], logarithmic[name]
    if name in derived:
        return derived[name], False
    choices = ", ".join([*logarithmic, *derived, "loss@FLOPS"])
    raise FitError(f"target={name!r} is not a quantity of {surface.law.name}: choose one of {choices}")


def _budget(name: str) -> float:
    words = name.removeprefix(_LOSS)
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
