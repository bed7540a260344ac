"""The coordinates of the search (logarithms of `log` parameters), and its limits."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from quarry.analysis.laws.law import Law, Parameter

# A value within this fraction of the distance between its bounds counts as on the bound. For an exponent this
# is below 0.001, which changes a loss by 2% over ten decades.
_AT_BOUND = 2e-4

NEGLIGIBLE_SENSITIVITY = 3e-6
"""The sensitivity (see `solver.Solution`) below which the points do not determine a parameter.

With noise of 1e-3 and 100 points its standard error would be 30.
"""


def search_coordinate(parameter: "Parameter", values: Any) -> Any:
    """Natural `values` in the coordinate of the search: the logarithm for `log` parameters."""
    return np.log(values) if parameter.log else np.asarray(values)


def natural_value(parameter: "Parameter", position: Any) -> Any:
    """The inverse of `search_coordinate`."""
    return np.exp(position) if parameter.log else np.asarray(position)


def limits(parameter: "Parameter") -> tuple[float, float]:
    """The lower and upper bound in the coordinate of the search."""
    low, high = search_coordinate(parameter, np.array([parameter.lower, parameter.upper])).tolist()
    return low, high


def at_bounds(parameter: "Parameter", values: Any) -> tuple[Any, Any]:
    """Which natural `values` lie on the lower bound, and which on the upper."""
    low, high = limits(parameter)
    position, margin = search_coordinate(parameter, values), _AT_BOUND * (high - low)
    return position <= low + margin, position >= high - margin


def at_search_limit(parameter: "Parameter", values: Any) -> Any:
    """Which natural `values` lie on a bound that limits only the search, not the quantity itself."""
    at_lower, at_upper = at_bounds(parameter, values)
    return at_upper | (at_lower & (not parameter.physical_lower))


def to_search(law: "Law", params: np.ndarray) -> np.ndarray:
    """Natural parameters [..., parameters] in the coordinates of the search."""
    logs, params = _logarithmic(law), np.asarray(params, np.float64)
    return np.where(logs, np.log(np.where(logs, params, 1.0)), params)


def to_natural(law: "Law", theta: np.ndarray) -> np.ndarray:
    """The inverse of `to_search`."""
    logs, theta = _logarithmic(law), np.asarray(theta, np.float64)
    return np.where(logs, np.exp(np.where(logs, theta, 0.0)), theta)


def bounds(law: "Law") -> np.ndarray:
    """Lower and upper bounds in the coordinates of the search: [2, parameters]."""
    return np.array([limits(parameter) for parameter in law.parameters]).T


def natural_within_bounds(law: "Law", theta: np.ndarray) -> np.ndarray:
    """The inverse of `to_search`, clipped to the bounds."""
    lower, upper = ([getattr(p, side) for p in law.parameters] for side in ("lower", "upper"))
    return np.clip(to_natural(law, theta), lower, upper)


def params_by_name(law: "Law", params: np.ndarray) -> dict[str, Any]:
    """Parameters [..., parameters] by name, [...] each."""
    return {parameter.name: values for parameter, values in _columns(law, params)}


def _logarithmic(law: "Law") -> np.ndarray:
    """Which parameters are searched in their logarithm: [parameters]."""
    return np.array([parameter.log for parameter in law.parameters])


def _columns(law: "Law", array: np.ndarray) -> list[tuple["Parameter", Any]]:
    return list(zip(law.parameters, np.moveaxis(np.asarray(array, np.float64), -1, 0), strict=True))
