"""How annotations are checked in tests: an int may stand for a float (PEP 484).

The code of a function's checks is made at its first call: each worker imports all modules and calls few of
their functions.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from beartype import BeartypeConf, beartype

CONFIGURATION = BeartypeConf(is_pep484_tower=True)


def typecheck(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, with its arguments and result checked against their annotations."""

    @cache
    def checked() -> Callable[..., Any]:
        return beartype(function, conf=CONFIGURATION)

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        return checked()(*arguments, **options)

    return call
