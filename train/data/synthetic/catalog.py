"""The worlds by name. To add one, write a dataclass with the methods of `world.World`, and add it here."""

import functools
from typing import Any

from quarry.errors import DataError
from quarry.train.data.options import read_options
from quarry.train.data.synthetic.bayes import Bayes
from quarry.train.data.synthetic.hierarchy import Hierarchy
from quarry.train.data.synthetic.teacher import Teacher
from quarry.train.data.synthetic.world import World

WORLDS: dict[str, type[Any]] = {"bayes": Bayes, "hierarchy": Hierarchy, "teacher": Teacher}
"""What stands between `synthetic:` and `?` in the name of a corpus, and the class of its source."""


@functools.lru_cache(maxsize=4)
def open_world(argument: str) -> World:
    """The source `WORLD?OPTION=VALUE,...`. Raises DataError for an unknown world or option or a bad value."""
    name, _, options = argument.partition("?")
    kind = WORLDS.get(name)
    if kind is None:
        raise DataError(f"corpus = 'synthetic:{argument}': no world {name!r}: use {', '.join(WORLDS)}")
    return kind(**read_options(options, f"synthetic:{name}", kind))
