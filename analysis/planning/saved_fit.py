"""The surface of a fit that `quarry fit --json` wrote, every field checked."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.correlation import confounded
from quarry.analysis.laws.batch_size import KAPLAN_CRITICAL_BATCH
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.repeated_data import EPOCHS, epochs
from quarry.analysis.planning.surface import Surface, ranged
from quarry.errors import FitError, LawError

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import Interval
    from quarry.analysis.laws.law import Law, Parameter


def read_fit(path: Path) -> Surface:
    """The fit that `quarry fit --json` wrote at `path`. Raises FitError naming the file and the field."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise FitError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise FitError(f"{path} is not strict JSON: {error}") from None
    try:
        return _surface(path.stem, value, str(path))
    except (FitError, LawError) as error:
        raise FitError(f"{path} is not a fit: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}")


def _surface(name: str, value: Any, source: str) -> Surface:
    if not isinstance(value, dict):
        raise FitError("it holds no object")
    law = _law(value)
    diagnostics, interval = _object(value, "diagnostics"), _object(value, "interval")
    draws = _draws(_object(value, "draws"), law)
    return Surface(
        name=name,
        law=law,
        params={parameter.name: _parameter(value, parameter) for parameter in law.parameters},
        source=source,
        draws=draws,
        level=_number(value, "interval", "level", 0.5, 0.9999),
        runs=int(_number(value, "diagnostics", "runs", 2 if draws else 1)),
        seed_noise=_number(value, "diagnostics", "seed_noise", 0.0),
        ranges={x: _range(diagnostics, x) for x in ranged(law)},
        parameter_interval={p: _pair(interval.get(p), f"interval.{p}") for p in law.parameter_names},
        frozen=tuple(diagnostics.get("frozen") or ()),
        confounded=confounded(diagnostics.get("correlated_inputs")),
        critical=_critical(diagnostics),
        count=str(diagnostics.get("count") or ""),
        warnings=tuple(map(str, value.get("warnings") or ())),
    )


def _law(value: Mapping[str, Any]) -> "Law":
    """The law named; `epochs` with the terms and the reference scales that it was fitted with."""
    name = value.get("law")
    if not isinstance(name, str):
        raise FitError("the field law is missing or not a name")
    if name != EPOCHS.name:
        return find_law(name)
    diagnostics = _object(value, "diagnostics")
    terms = diagnostics.get("terms")
    if not (isinstance(terms, list) and all(isinstance(term, str) for term in terms)):
        raise FitError("the field diagnostics.terms is missing or not a list of names")
    n, unique = (_number(diagnostics, "reference", x, 1e-30, 1e30) for x in ("N", "U"))
    return epochs(tuple(terms), n, unique)


def _critical(diagnostics: Mapping[str, Any]) -> dict[str, float]:
    """The critical batch that the fit was given, else Kaplan's."""
    if not diagnostics.get("critical"):
        return dict(KAPLAN_CRITICAL_BATCH)
    return {name: _number(diagnostics, "critical", name, 1e-30, 1e60) for name in ("B_star", "alpha_B")}


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(value.get(name), dict):
        raise FitError(f"the field {name} is missing or not an object")
    return value[name]


def _number(value: Mapping[str, Any], where: str, name: str, low: float, high: float = math.inf) -> float:
    number: Any = _object(value, where).get(name)
    if not _is_number(number):
        raise FitError(f"the field {where}.{name} is missing or not a number")
    if not low * (1 - 1e-9) <= number <= high * (1 + 1e-9):
        raise FitError(f"the field {where}.{name} = {number:g} is outside its range, {low:g} to {high:g}")
    return float(number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _parameter(value: Mapping[str, Any], parameter: "Parameter") -> float:
    return _number(value, "params", parameter.name, parameter.lower, parameter.upper)


def _range(diagnostics: Mapping[str, Any], name: str) -> tuple[float, float]:
    low, high = _pair(_object(diagnostics, "ranges").get(name), f"diagnostics.ranges.{name}")
    if low is None or high is None or not 0 < low <= high:
        raise FitError(f"the field diagnostics.ranges.{name} is not a range of positive numbers")
    return low, high


def _pair(value: Any, where: str) -> "Interval":
    if not (isinstance(value, list) and len(value) == 2 and all(v is None or _is_number(v) for v in value)):
        raise FitError(f"the field {where} is missing or not a pair of numbers")
    low, high = (None if side is None else float(side) for side in value)
    return low, high


def _draws(drawn: Mapping[str, Any], law: "Law") -> dict[str, np.ndarray]:
    """The draws by parameter; a null among them is not finite."""
    if not drawn:
        return {}
    if missing := [name for name in law.parameter_names if name not in drawn]:
        raise FitError(f"the field draws.{missing[0]} is missing")
    try:
        found = {name: np.asarray(drawn[name], dtype=np.float64) for name in law.parameter_names}
    except (TypeError, ValueError):
        raise FitError("the field draws holds something else than numbers") from None
    shapes = {values.shape for values in found.values()}
    if len(shapes) > 1 or len(shape := shapes.pop()) != 1 or shape[0] < 2:
        raise FitError("the field draws is not one list of the same length for each parameter")
    return found
