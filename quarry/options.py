"""Annotations of command-line options that several commands share."""

from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args

from tyro.conf import Positional, arg
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

Flat = arg(name="")
"""The fields of a group of options become options of the command, without the group's name before them."""

_NONE = "None"

Studies = Annotated[Positional[tuple[str, ...]], arg(metavar="STUDY ...")]
RunPaths = Annotated[Positional[tuple[Path, ...]], arg(metavar="RUN ...")]
FilePaths = Annotated[Positional[tuple[Path, ...]], arg(metavar="FILE ...")]
"""All that stands before the options of a command."""

OutputPath = Annotated[Path, arg(aliases=["-o"])]


def choice(values: Iterable[str]) -> PrimitiveConstructorSpec[str]:
    """The annotation of a string option that takes one of `values`, such as the keys of a table."""
    choices = tuple(values)
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=f"{{{','.join(choices)}}}",
        instance_from_str=lambda words: words[0],
        is_instance=lambda value: value in choices,
        str_from_instance=lambda value: [value],
        choices=choices,
    )


OPTIONAL = ConstructorRegistry()
"""Options that may be None are shown as what they take, `INT` for `{None}|INT`; None can still be written."""


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
