"""The options in the name of a corpus: `NAME?OPTION=VALUE,OPTION=VALUE`."""

import dataclasses
from typing import Any, get_type_hints

from quarry.errors import DataError

WANTED = {int: "a whole number", float: "a number", str: "text"}


def read_options(text: str, name: str, kind: type[Any]) -> dict[str, Any]:
    """The fields of the dataclass `kind` that `text` sets; the names of options are those of its fields.

    `name` is what stands before the question mark. Raises DataError for an option that is unknown, missing,
    given twice, without a value or of another type.
    """
    types, options, corpus = get_type_hints(kind), {}, f"{name}?{text}"
    known = [field.name for field in dataclasses.fields(kind)]
    for part in filter(None, text.split(",")):
        option, equals, value = part.partition("=")
        if option not in known or not equals:
            raise DataError(
                f"corpus = {corpus!r}: {part!r} is no option of {name.rpartition(':')[2]}, "
                f"which are {', '.join(known)}: write OPTION=VALUE"
            )
        if option in options:
            raise DataError(f"corpus = {corpus!r} gives {option} twice")
        options[option] = _value(types[option], option, value, corpus)
    needed = (field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING)
    for option in needed:
        if option not in options:
            raise DataError(f"corpus = {corpus!r} lacks {option}: add {option}=VALUE")
    return options


def _value(wanted: type[Any], name: str, value: str, corpus: str) -> Any:
    try:
        read = wanted(value)
    except ValueError:
        raise DataError(f"corpus = {corpus!r}: {name} = {value!r} must be {WANTED[wanted]}") from None
    if wanted is float and not abs(read) < float("inf"):
        raise DataError(f"corpus = {corpus!r}: {name} = {value!r} must be finite")
    return read
