"""The surface of a fit that `quarry fit --json` wrote, every field checked."""

import json
import math
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quarry.analysis.fitting.correlation import confounded
from quarry.analysis.fitting.prediction.distance import coordinates
from quarry.analysis.fitting.prediction.extrapolation import Extrapolation
from quarry.analysis.fitting.prediction.outlook import Outlook
from quarry.analysis.fitting.together.candidates import member
from quarry.analysis.laws.batch_size import KAPLAN_CRITICAL_BATCH
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.mixture import MIXTURE, law_weights, mix_laws
from quarry.analysis.laws.repeated_data import EPOCHS, epochs
from quarry.analysis.planning.surface import Surface, ranged
from quarry.errors import FitError, LawError

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import Interval
    from quarry.analysis.laws.law import Law, Parameter


_LARGEST_FILE, _MOST_DRAWS = 50_000_000, 100_000
"""Bytes of a file, and draws of a parameter, that are read: a plan is made in every draw."""

_NOISIEST = 10.0
"""No standard deviation of log loss is larger."""

_STEEPEST = 10.0
"""The misfit grows with no higher power of the distance."""

_FARTHEST = 1e60
"""No count of parameters, tokens or FLOPs is larger, nor the inverse of one."""


def read_fit(path: Path) -> Surface:
    """The fit that `quarry fit --json` wrote at `path`. Raises FitError naming the file and the field."""
    if path.exists() and not path.is_file():
        raise FitError(f"cannot read {path}: it is no regular file")
    if path.exists() and path.stat().st_size > _LARGEST_FILE:
        raise FitError(f"{path} is not a fit: it is larger than {_LARGEST_FILE / 1e6:g} MB")
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
    params = {parameter.name: _parameter(value, parameter) for parameter in law.parameters}
    _check_weights(params)
    return Surface(
        name=name,
        law=law,
        params=params,
        source=source,
        draws=draws,
        level=_number(value, "interval", "level", 0.5, 0.9999),
        runs=int(_number(value, "diagnostics", "runs", 2 if draws and len(law.inputs) > 1 else 1, 1e9)),
        seed_noise=_number(value, "diagnostics", "seed_noise", 0.0, _NOISIEST),
        outlook=_outlook(value, law),
        ranges={x: _range(diagnostics, f"diagnostics.ranges.{x}") for x in ranged(law)},
        parameter_interval={p: _pair(interval.get(p), f"interval.{p}") for p in law.parameter_names},
        frozen=_frozen(diagnostics, law),
        confounded=confounded(_correlation(diagnostics)),
        critical=_critical(diagnostics),
        count=_words([diagnostics.get("count") or ""], "diagnostics.count")[0],
        warnings=_words(value.get("warnings") or [], "warnings"),
    )


def _law(value: Mapping[str, Any]) -> "Law":
    """The law named; `epochs` with the terms and the reference scales that it was fitted with."""
    name = value.get("law")
    if not isinstance(name, str):
        raise FitError("the field law is missing or not a name")
    diagnostics = _object(value, "diagnostics")
    if name == MIXTURE:
        members = _words(diagnostics.get("members"), "diagnostics.members")
        if not members or len(set(members)) < len(members):
            raise FitError("the field diagnostics.members names no laws, or one twice")
        known = _object(diagnostics, "ranges")
        inputs = tuple(x for x in ("N", "E", "U", "C") if x in known) or ("N",)
        return mix_laws([member(each, inputs) for each in members])
    if name != EPOCHS.name:
        return find_law(name)
    terms = _words(diagnostics.get("terms"), "diagnostics.terms")
    n, unique = (_number(diagnostics, "reference", x, 1e-30, 1e30) for x in ("N", "U"))
    return epochs(terms, n, unique)


def _critical(diagnostics: Mapping[str, Any]) -> dict[str, float]:
    """The critical batch that the fit was given, else Kaplan's."""
    if not diagnostics.get("critical"):
        return dict(KAPLAN_CRITICAL_BATCH)
    return {name: _number(diagnostics, "critical", name, 1e-30, 1e60) for name in ("B_star", "alpha_B")}


def _frozen(diagnostics: Mapping[str, Any], law: "Law") -> tuple[str, ...]:
    """The names of the parameters that were not fitted."""
    names = diagnostics.get("frozen") or {}
    if not isinstance(names, dict) or not set(names) <= set(law.parameter_names):
        raise FitError("the field diagnostics.frozen is not an object of parameters of the law")
    return tuple(names)


def _correlation(diagnostics: Mapping[str, Any]) -> float | None:
    if diagnostics.get("correlated_inputs") is None:
        return None
    return _number({"diagnostics": diagnostics}, "diagnostics", "correlated_inputs", -1.0, 1.0)


def _words(value: Any, where: str) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(isinstance(word, str) for word in value)):
        raise FitError(f"the field {where} is missing or not a list of words")
    return tuple(value)


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if not isinstance(value.get(name), dict):
        raise FitError(f"the field {name} is missing or not an object")
    return value[name]


def _number(value: Mapping[str, Any], where: str, name: str, low: float, high: float = math.inf) -> float:
    number: Any = _object(value, where).get(name)
    if not _is_number(number):
        raise FitError(f"the field {where}.{name} is missing or not a number")
    if not low - 1e-9 * abs(low) <= number <= high + 1e-9 * abs(high):
        raise FitError(f"the field {where}.{name} = {number:g} is outside its range, {low:g} to {high:g}")
    return float(number)


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number; an integer may be too large to be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # compared exactly, also for integers beyond


def _parameter(value: Mapping[str, Any], parameter: "Parameter") -> float:
    return _number(value, "params", parameter.name, parameter.lower, parameter.upper)


def _check_weights(params: Mapping[str, float]) -> None:
    """Raise FitError where the weights of a mixture do not sum to 1."""
    weights = law_weights(params).values()
    if weights and not math.isclose(sum(weights), 1.0, rel_tol=1e-6):
        raise FitError(f"the fields params.weight.* sum to {sum(weights):g} instead of 1")


def _range(value: Mapping[str, Any], where: str) -> tuple[float, float]:
    low, high = _pair(_object(value, "ranges").get(where.rpartition(".")[2]), where)
    if low is None or high is None or not 1 / _FARTHEST <= low <= high <= _FARTHEST:
        raise FitError(f"the field {where} is not a range of positive numbers")
    return low, high


def _outlook(value: Mapping[str, Any], law: "Law") -> Outlook | None:
    """What the fit knew beyond its points; None of a fit without an interval, or of an earlier version."""
    if value.get("prediction") is None:
        return None
    found = _object(value, "prediction")
    scales, weights = (_shares(found, name) for name in ("scales", "weights"))
    if len(scales) != len(weights) or not math.isclose(weights.sum(), 1.0, rel_tol=1e-6):
        raise FitError("the fields prediction.scales and prediction.weights are no distribution")
    number, ones = partial(_number, value, "prediction"), dict.fromkeys(law.inputs, 1.0)
    mixture = Extrapolation(
        scales=scales,
        weights=weights,
        growth=number("growth", 0.0, _STEEPEST),
        bias=number("bias", -_NOISIEST, _NOISIEST) if "bias" in found else 0.0,
        ranges={x: _range(found, f"prediction.ranges.{x}") for x in coordinates(ones)},
    )
    noise, furthest = number("noise", 0.0, _NOISIEST), number("furthest", 0.0, _NOISIEST**2)
    cuts, tested, inside = (int(number(name, 0.0, 1e9)) for name in ("cuts", "tested", "inside"))
    freedom = math.inf if found.get("freedom") is None else number("freedom", 1.0, math.inf)
    return Outlook(noise, mixture, furthest, cuts, tested, inside, freedom=freedom)


def _shares(found: Mapping[str, Any], name: str) -> np.ndarray:
    """A list of numbers from 0 to the largest standard deviation."""
    values = found.get(name)
    if not (isinstance(values, list) and values and all(map(_is_number, values))):
        raise FitError(f"the field prediction.{name} is missing or not a list of numbers")
    if not 0 <= min(values) <= max(values) <= _NOISIEST:
        raise FitError(f"the field prediction.{name} leaves its range, 0 to {_NOISIEST:g}")
    return np.array(values, float)


def _pair(value: Any, where: str) -> "Interval":
    if not (isinstance(value, list) and len(value) == 2 and all(v is None or _is_number(v) for v in value)):
        raise FitError(f"the field {where} is missing or not a pair of numbers")
    low, high = (None if side is None else float(side) for side in value)
    if low is not None and high is not None and low > high:
        raise FitError(f"the field {where} has its low end above its high one")
    return low, high


def _draws(drawn: Mapping[str, Any], law: "Law") -> dict[str, np.ndarray]:
    """The draws by parameter; a null among them is not finite."""
    if not drawn:
        return {}
    if missing := [name for name in law.parameter_names if name not in drawn]:
        raise FitError(f"the field draws.{missing[0]} is missing")
    lists = [drawn[name] for name in law.parameter_names]
    known = [value for each in lists if isinstance(each, list) for value in each if value is not None]
    if not all(map(_is_number, known)):
        raise FitError("the field draws holds something else than numbers")
    if not all(isinstance(each, list) for each in lists) or len({len(each) for each in lists}) > 1:
        raise FitError("the field draws is not one list of the same length for each parameter")
    if not 2 <= len(lists[0]) <= _MOST_DRAWS:
        raise FitError(f"the field draws has {len(lists[0])} entries each: must be 2 to {_MOST_DRAWS}")
    return {parameter.name: _drawn(drawn[parameter.name], parameter) for parameter in law.parameters}


def _drawn(values: list[Any], parameter: "Parameter") -> np.ndarray:
    """The draws of one parameter, within the bounds that refits have."""
    found = np.array([math.nan if value is None else float(value) for value in values])
    known = found[~np.isnan(found)]
    slack = 1e-9 * np.abs(known)
    if ((known < parameter.lower - slack) | (known > parameter.upper + slack)).any():
        raise FitError(
            f"the field draws.{parameter.name} leaves its range, {parameter.lower:g} to {parameter.upper:g}"
        )
    return found
