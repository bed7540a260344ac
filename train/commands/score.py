"""`quarry score`: the pieces of a corpus scored by small models, for rules that choose what to read."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from quarry.console import make_console
from quarry.errors import DONE, ConfigError
from quarry.train.commands.common import RUNS, Cache, Workdir, cache_or_default
from quarry.train.config.selection import Rule
from quarry.train.hosts.platform import prepare


def command(
    file: Positional[Path],
    output: Positional[Path],
    held_out: Annotated[
        Path | None, arg(help="The point of a second model, trained on other documents, for the rule rho.")
    ] = None,
    piece: int = Rule.piece,
    workdir: Workdir = RUNS,
    cache: Cache = None,
) -> int:
    """Score the pieces of a corpus by the model of a finished run, for the rules of data.selection.

    Args:
        file: The file of the scale point of the reference; its corpus is scored.
        output: The file to write, .parquet.
        piece: Tokens of a piece, about; the rule must say the same.
    """
    if output.suffix != ".parquet":
        raise ConfigError(f"{output} must end in .parquet")
    Rule(name="pieces", piece=piece)
    folder = cache_or_default(cache)
    prepare(folder)
    from quarry.train.config.point_files import load_point_file
    from quarry.train.inspect.scores import write_scores

    other = load_point_file(held_out)[0] if held_out else None
    table = write_scores(load_point_file(file)[0], other, workdir, folder, output, piece)
    scored = table["loss"].drop_nulls()
    make_console().print(
        f"{len(scored):,} of {len(table):,} pieces scored: data.selection = 'loss:middle?scores={output}'",
        highlight=False,
    )
    return DONE
