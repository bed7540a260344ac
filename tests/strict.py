"""How annotations are checked in tests: an int may stand for a float (PEP 484).

The code of a function's checks is made at its first call: each worker imports all modules and calls few of
their functions. In each test the first `CHECKED_CALLS` of a function are checked: the checks took a third of
the time of tests that call a law thousands of times.
"""

import dataclasses
import inspect
from collections.abc import Callable
from functools import wraps
from itertools import count
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

CHECKED_CALLS = 30
"""Of each function in each test."""

typecheck = beartype(conf=BeartypeConf(is_pep484_tower=True))
_whole = jaxtyping.jaxtyped
_tests = count(1)
_test = 0


def begin_test() -> None:
    """The calls of every function are counted anew."""
    global _test
    _test = next(_tests)


def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
    """In place of jaxtyping's decorator, which checks every call and makes the code of the checks at once."""

    def decorate(what: Any) -> Any:
        if not inspect.isclass(what):
            return _checked(what, typechecker)
        if dataclasses.is_dataclass(what) and not hasattr(what.__init__, "__wrapped__"):
            what.__init__ = _checked(what.__init__, typechecker)
        return what

    return decorate


def _checked(function: Callable[..., Any], typechecker: Any) -> Callable[..., Any]:
    """`function`, with the arguments and results of the first calls in a test checked."""
    test, calls, checked = -1, 0, None

    @wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        nonlocal test, calls, checked
        if test != _test:
            test, calls = _test, 0
        if calls >= CHECKED_CALLS:
            return function(*arguments, **options)
        calls += 1
        checked = checked or _whole(function, typechecker=typechecker)
        return checked(*arguments, **options)

    return call
