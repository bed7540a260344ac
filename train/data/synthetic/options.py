"""The options in the name of a synthetic corpus: `WORLD?OPTION=VALUE,OPTION=VALUE`."""

import dataclasses
from typing import Any, get_type_hints

from quarry.errors import DataError

WANTED = {int: "a whole number", float: "a number", str: "text"}


def read_options(text: str, world: str, kind: type[Any]) -> dict[str, Any]:
    """The fields of the dataclass `kind` that `text` sets; the names of options are those of its fields.

    Raises DataError for an option that is unknown, missing, given twice, without a value or of another type.
    """
    types, options = get_type_hints(kind), {}
    known = [field.name for field in dataclasses.fields(kind)]
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if name not in known or not equals:
            raise DataError(
                f"corpus = 'synthetic:{world}?{text}': {part!r} is no option of {world}, "
                f"which are {', '.join(known)}: write OPTION=VALUE"
            )
        if name in options:
            raise DataError(f"corpus = 'synthetic:{world}?{text}' gives {name} twice")
        options[name] = _value(types[name], name, value, f"synthetic:{world}?{text}")
    needed = (field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING)
    for name in needed:
        if name not in options:
            raise DataError(f"corpus = 'synthetic:{world}?{text}' lacks {name}: add {name}=VALUE")
    return options


def _value(wanted: type[Any], name: str, value: str, corpus: str) -> Any:
    try:
        read = wanted(value)
    except ValueError:
        raise DataError(f"corpus = {corpus!r}: {name} = {value!r} must be {WANTED[wanted]}") from None
    if wanted is float and not abs(read) < float("inf"):
        raise DataError(f"corpus = {corpus!r}: {name} = {value!r} must be finite")
    return read
