"""Annotations of command-line options that several commands share."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from tyro.conf import arg
from tyro.constructors import PrimitiveConstructorSpec

Flat = arg(name="")
"""The fields of a group of options become options of the command, without the group's name before them."""

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
