"""The quantity of a profile: a parameter, a derived quantity of the law, or a function of the parameters."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.coordinates import limits, params_by_name, search_coordinate, to_search
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Law, Parameter, Values

# A derived quantity is followed this far: a factor of 1e12 if positive.
_FARTHEST_LOG = math.log(1e12)


@dataclass(frozen=True)
class Quantity:
    """A quantity and its position: its logarithm if `log`, else itself.

    `place` is that of a parameter among the law's, else None. `position` takes the parameters by name:
    numbers, arrays or traced arrays.
    """

    name: str
    log: bool
    place: int | None
    limits: tuple[float, float]
    position: "Callable[[Values], Any]"

    def value(self, position: Any) -> Any:
        return np.exp(position) if self.log else position


def find_quantity(fit: "Fit", quantity: "str | Callable[[Values], Any]", name: str | None) -> Quantity:
    """A parameter or derived quantity by name, or a function of the parameters. Raises FitError."""
    law, frozen = fit.data.law, fit.diagnostics.frozen
    if not isinstance(quantity, str):
        own = name or getattr(quantity, "__name__", "quantity").strip("<>")
        return followed_quantity(fit, own, quantity, tuple(frozen.items()))
    if quantity in law.parameter_names:
        return parameter_quantity(law, law.parameter_names.index(quantity))
    if quantity in frozen:
        raise FitError(f"{quantity} is frozen at {frozen[quantity]:g}: it has no profile")
    for derived in law.derived:
        if derived.name == quantity:
            return followed_quantity(fit, quantity, derived.value, ())
    known = ", ".join((*law.parameter_names, *(derived.name for derived in law.derived)))
    raise FitError(f"{law.name} has no {quantity!r} to profile: choose one of {known}, or give a function")


def parameter_quantity(law: "Law", place: int) -> Quantity:
    """The parameter in this place of the law's."""
    parameter = law.parameters[place]
    position = partial(_parameter_position, parameter)
    return Quantity(parameter.name, parameter.log, place, limits(parameter), position)


def _parameter_position(parameter: "Parameter", params: "Values") -> Any:
    return search_coordinate(parameter, params[parameter.name])


def followed_quantity(
    fit: "Fit", name: str, value: "Callable[[Values], Any]", frozen: tuple[tuple[str, float], ...]
) -> Quantity:
    """A function of the parameters. Raises FitError where it is not finite at the best of them."""
    law = fit.data.law
    with np.errstate(all="ignore"):
        values = [float(value({**params_by_name(law, row), **dict(frozen)})) for row in fit.minima.params]
    if not math.isfinite(values[0]):
        raise FitError(f"{name} is {values[0]} at the best parameters: it has no profile")
    log = min(values) > 0
    middle = math.log(values[0]) if log else 0.0
    far = _FARTHEST_LOG if log else math.inf
    return Quantity(name, log, None, (middle - far, middle + far), _position(value, frozen, log))


@cache  # one function for each quantity: the solver compiles once for each
def _position(value: "Callable[[Values], Any]", frozen: tuple[tuple[str, float], ...], log: bool):
    def position(params: "Values") -> Any:
        import jax

        number = value({**params, **dict(frozen)})
        if not log:
            return number
        return jax.numpy.log(number) if isinstance(number, jax.Array) else np.log(number)

    return position


def slope(law: "Law", quantity: Quantity, params: np.ndarray) -> np.ndarray:
    """d position / d theta [parameters]. Raises FitError."""
    if quantity.place is not None:
        return np.eye(len(params))[quantity.place]
    import jax

    from quarry.analysis.fitting.precision import float64_on_cpu

    def position(theta: Any) -> Any:
        pairs = zip(law.parameters, theta, strict=True)
        return quantity.position({p.name: jax.numpy.exp(t) if p.log else t for p, t in pairs})

    try:
        with float64_on_cpu():
            slopes = np.asarray(jax.jacfwd(position)(jax.numpy.asarray(to_search(law, params))))
    except TypeError:  # what JAX raises where a traced number meets math or NumPy
        raise FitError(
            f"{quantity.name}: the function must be plain arithmetic in the parameters, without math or NumPy"
        ) from None
    if not (np.isfinite(slopes).all() and slopes.any()):
        raise FitError(f"{quantity.name} does not follow from {', '.join(law.parameter_names)}")
    return slopes
