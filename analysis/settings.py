"""What settings may be, checked in one place: each check raises the error it is given, naming the setting."""

from collections.abc import Collection
from typing import Any

import numpy as np

_FEWEST_DRAWS = 100


def check_settings(error: type[ValueError], bootstrap: int, seed: int, level: float) -> None:
    """Raise `error` for settings that no interval can be made with; 0 draws ask for none."""
    if bootstrap < 0 or 0 < bootstrap < _FEWEST_DRAWS:
        raise error(
            f"bootstrap={bootstrap}: an interval needs at least {_FEWEST_DRAWS} draws (0: no interval)"
        )
    if seed < 0:
        raise error(f"seed={seed}: must not be negative")
    check_level(error, level)


def check_level(error: type[ValueError], level: float) -> None:
    """Raise `error` unless `level` is the probability of an interval."""
    if not 0.5 <= level < 1:
        raise error(f"level={level}: must be at least 0.5 and below 1")


def check_positive(error: type[ValueError], **values: Any) -> None:
    """Raise `error` for a number, or one of several, that is not positive and finite; None was not given."""
    for name, value in values.items():
        if value is not None:
            numbers = np.ravel(np.asarray(value, float))
            wrong = numbers[~(np.isfinite(numbers) & (numbers > 0))]
            if len(wrong):
                raise error(f"{name}={wrong[0]}: must be positive and finite")


def check_choice(error: type[ValueError], name: str, value: object, choices: Collection[object]) -> None:
    """Raise `error` unless `value` is one of `choices`."""
    if value not in choices:
        raise error(f"{name}={value!r} is not one of {', '.join(map(str, choices))}")
