"""Annotations of command-line options that several commands share."""

import dataclasses
import inspect
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args

from tyro import MISSING, MISSING_NONPROP
from tyro.conf import Positional, UseAppendAction, arg
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

Flat = arg(name="")
"""The fields of a group of options become options of the command, without the group's name before them."""

_NONE = "None"

Studies = Annotated[Positional[tuple[str, ...]], arg(metavar="STUDY ...")]
RunPaths = Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN ...")]
FilePaths = Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE ...")]
"""All that stands before the options of a command."""

OutputPath = Annotated[Path, arg(aliases=["-o"])]


class Suggested(tuple[str, ...]):
    """Choices that the help and the completion of a shell show; the command says itself what is wrong with
    another value."""

    def __contains__(self, value: object) -> bool:
        return True


def choice(
    values: Iterable[str], *, suggested: bool = False, metavar: str | None = None
) -> PrimitiveConstructorSpec[str]:
    """The annotation of a string option that takes one of `values`, such as the keys of a table.

    With `suggested` the command refuses other values itself. `metavar` stands for them in the help.
    """
    choices = Suggested(values) if suggested else tuple(values)
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar or f"{{{','.join(choices)}}}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: value in choices,
        str_from_instance=lambda value: [value],
        choices=choices,
    )


OPTIONAL = ConstructorRegistry()
"""Options that may be None are shown as what they take, `INT` for `{None}|INT`; None can still be written. A
default that is nothing, such as None, False or (), is not shown."""


@OPTIONAL.primitive_rule
def _optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """The values of `T | None`; other types are left to tyro."""
    options = [each for each in get_args(info.type) if each is not type(None)]
    if len(options) != 1 or len(get_args(info.type)) != 2 or info.type_origin not in (Union, UnionType):
        return None
    inner = ConstructorRegistry.get_primitive_spec(PrimitiveTypeInfo.make(options[0], info.markers))
    if not isinstance(inner, PrimitiveConstructorSpec):
        return None
    nargs = tuple(sorted({1, inner.nargs})) if isinstance(inner.nargs, int) else inner.nargs
    return PrimitiveConstructorSpec(
        nargs=1 if nargs == (1,) else nargs,
        metavar=inner.metavar,
        instance_from_str=lambda words: None if words == [_NONE] else inner.instance_from_str(words),
        is_instance=lambda value: value is None or inner.is_instance(value),
        str_from_instance=lambda value: [_NONE] if value is None else inner.str_from_instance(value),
        choices=None if inner.choices is None else (*inner.choices, _NONE),
    )


@OPTIONAL.struct_rule
def _fields(info: StructTypeInfo) -> StructConstructorSpec | None:
    """The fields of a dataclass as tyro finds them, with the help that we show."""
    if not dataclasses.is_dataclass(info.type) or info.type in _asked:
        return None
    _asked.append(info.type)  # tyro asks this rule again for what it finds itself
    try:
        found = ConstructorRegistry.get_struct_spec(info)
    finally:
        _asked.pop()
    if not isinstance(found, StructConstructorSpec):
        return None
    return dataclasses.replace(found, fields=tuple(map(_field, found.fields)))


_asked: list[Any] = []


def _field(field: StructFieldSpec) -> StructFieldSpec:
    kind = without_empty_default(field.type, field.default)
    return dataclasses.replace(field, type=kind, helptext=partial(_one_paragraph, field.helptext))


def _one_paragraph(helptext: str | Callable[[], str | None] | None) -> str | None:
    """The help of a field without the line breaks and indents of the source."""
    text = helptext() if callable(helptext) else helptext
    return None if text is None else " ".join(text.split())


def hide_empty_defaults(command: Callable[..., int]) -> None:
    """For the parameters of a function: `(default: None)` tells a reader nothing."""
    command = inspect.unwrap(command)
    for name, parameter in inspect.signature(command).parameters.items():
        if name in command.__annotations__:
            kind = without_empty_default(command.__annotations__[name], parameter.default)
            command.__annotations__[name] = kind


def without_empty_default(kind: Any, default: object) -> Any:
    """The annotation `kind` of an option, whose default is not shown if it is nothing."""
    told = get_args(kind)
    if UseAppendAction in told or _NO_HINT in told:
        return kind
    nothing = any(default is each for each in _NOTHING) or default in ((), "")
    return Annotated[kind, _NO_HINT] if nothing else kind


_NOTHING = (None, False, MISSING, MISSING_NONPROP, inspect.Parameter.empty)
_NO_HINT = arg(help_behavior_hint="")
