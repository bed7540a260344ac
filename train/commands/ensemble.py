"""`quarry ensemble`: the loss of averaged runs that differ by their seeds."""

from typing import Literal

from quarry.console import make_console
from quarry.errors import DONE
from quarry.options import OutputPath, Studies
from quarry.train.commands.bars import shown
from quarry.train.commands.common import RUNS, Cache, Workdir, cache_or_default, study_folders
from quarry.train.hosts.platform import prepare
from quarry.train.record.files import check_ending


def command(
    studies: Studies,
    output: OutputPath,
    split: Literal["validation", "test"] = "validation",
    tokens: int | None = None,
    members: tuple[int, ...] = (),
    workdir: Workdir = RUNS,
    cache: Cache = None,
) -> int:
    """Average the probabilities of runs that differ by their seeds only, and write the held-out losses.

    Args:
        studies: Names of studies in experiments/, folders, or files; their finished runs are used.
        output: The table to write, .csv or .parquet; `quarry epochs --ensembles` reads it.
        split: The text to score.
        tokens: How many of its first tokens, at most all; default as many as each run scored itself.
        members: Numbers of runs to average; default from one to all there are. Up to 1,000 sets each.
    """
    check_ending(output, ".csv", ".parquet")
    folder = cache_or_default(cache)
    prepare(folder)
    from quarry.train.config.branches import branches
    from quarry.train.inspect.ensembles import Scoring, ensembles
    from quarry.train.launch.jobs import collect_points
    from quarry.train.record.points_table import write_table

    trunks = collect_points(studies, study_folders())
    runs = [run for trunk in trunks for run in (trunk, *branches(trunk))]
    with shown():
        table = ensembles(runs, workdir, folder, Scoring(split, tokens, members))
    write_table(table, output)
    make_console().print(f"{len(table)} losses of ensembles -> {output}", highlight=False)
    return DONE
