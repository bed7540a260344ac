"""Checks of configurations and settings: each raises an error that names the field and the value."""

import inspect
from collections.abc import Collection
from typing import Any, get_type_hints

import numpy as np
from typeguard import TypeCheckError, check_type

from quarry.errors import NOT_UTF8, ConfigError, QuarryError, is_utf8

FEWEST_DRAWS = 100


def require(condition: bool, message: str) -> None:
    """Raise ConfigError(message) unless `condition`."""
    if not condition:
        raise ConfigError(message)


def check_types(config: Any) -> None:
    """Raise ConfigError for the first field of a dataclass whose value is not of its declared type.

    An integer must also fit in 64 bits, and a text be UTF-8, as the record is.
    """
    for name, hint in get_type_hints(type(config)).items():
        value = getattr(config, name)
        try:
            check_type(value, hint)
        except TypeCheckError:
            expected = inspect.formatannotation(hint).replace("typing.", "")
            raise ConfigError(f"{type(config).__name__}.{name} must be {expected}, not {value!r}") from None
        for number in _leaves(value, int):
            require(abs(number) < 2**63, f"{type(config).__name__}.{name} = {number} does not fit in 64 bits")
        for text in _leaves(value, str):
            require(is_utf8(text), f"{type(config).__name__}.{name} = {text!r} {NOT_UTF8}")


def _leaves(value: Any, kind: type) -> list[Any]:
    """The values of a kind in a value or in nested tuples."""
    if isinstance(value, tuple):
        return [leaf for part in value for leaf in _leaves(part, kind)]
    return [value] if isinstance(value, kind) else []


def check_settings(error: type[QuarryError], bootstrap: int, seed: int, level: float) -> None:
    """Raise `error` for settings that no interval can be made with; 0 draws ask for none."""
    if bootstrap < 0 or 0 < bootstrap < FEWEST_DRAWS:
        raise error(
            f"bootstrap={bootstrap}: an interval needs at least {FEWEST_DRAWS} draws (0: no interval)"
        )
    if seed < 0:
        raise error(f"seed={seed}: must not be negative")
    check_level(error, level)


def check_level(error: type[QuarryError], level: float) -> None:
    """Raise `error` unless `level` is the probability of an interval."""
    if not 0.5 <= level < 1:
        raise error(f"level={level}: must be at least 0.5 and below 1")


def check_positive(error: type[QuarryError], **values: Any) -> None:
    """Raise `error` for a number, or one of several, that is not positive and finite; None was not given."""
    for name, value in values.items():
        if value is not None:
            numbers = np.ravel(np.asarray(value, float))
            wrong = numbers[~(np.isfinite(numbers) & (numbers > 0))]
            if len(wrong):
                raise error(f"{name}={wrong[0]}: must be positive and finite")


def check_choice(error: type[QuarryError], name: str, value: object, choices: Collection[object]) -> None:
    """Raise `error` unless `value` is one of `choices`."""
    if value not in choices:
        raise error(f"{name}={value!r} is not one of {', '.join(map(str, choices))}")
