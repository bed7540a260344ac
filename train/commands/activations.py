"""`quarry activations`: the last activations of a trained model on held-out text."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from quarry.console import make_console
from quarry.errors import DONE
from quarry.train.commands.common import Cache, RunPath, cache_or_default, read_model
from quarry.train.hosts.platform import prepare
from quarry.train.record.files import check_ending


def command(
    run: RunPath,
    output: Annotated[Positional[Path], arg(help="The file to write, .npy: a row for each token.")],
    tokens: int = 4096,
    split: Literal["validation", "test"] = "test",
    cache: Cache = None,
) -> int:
    """Write the last activations of the model of a run on held-out text, for `quarry dimension`.

    They are the input of the head, at the last token of contexts that are evenly spaced over the split.

    Args:
        tokens: Number of rows, each of a context of its own.
    """
    check_ending(output, ".npy")
    folder = cache_or_default(cache)
    prepare(folder)
    from quarry.train.inspect.activations import last_activations, write_activations

    found = last_activations(read_model(run, folder), folder, tokens, split)
    write_activations(found, output)
    count, features = found.shape
    make_console().print(f"{count:,} activations of {features} features -> {output}", highlight=False)
    return DONE
