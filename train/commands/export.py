"""`quarry export`: a trained model for other programs."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from quarry.console import make_console
from quarry.errors import DONE
from quarry.train.commands.common import Cache, RunPath, cache_or_default, read_model
from quarry.train.hosts.platform import prepare


def command(
    run: RunPath,
    output: Annotated[Positional[Path], arg(help="The folder to write.")],
    cache: Cache = None,
) -> int:
    """Write the model of a run as model.safetensors, tokenizer.json and config.json."""
    folder = cache_or_default(cache)
    prepare(folder)
    from quarry.train.inspect.export import write_model

    for file in write_model(read_model(run, folder), output):
        make_console().print(str(file), highlight=False, soft_wrap=True)
    return DONE
