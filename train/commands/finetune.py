"""`quarry finetune`: the accuracy of trained models on a classification task, by number of examples."""

from typing import Annotated

from tyro.conf import Positional, arg

from quarry.console import make_console
from quarry.errors import DONE
from quarry.options import Flat, OutputPath, RunPaths
from quarry.train.commands.common import Cache, cache_or_default
from quarry.train.config.fine_tuning import FineTuning
from quarry.train.hosts.platform import prepare
from quarry.train.record.files import check_ending

DEFAULTS = FineTuning()


def command(
    task: Annotated[
        Positional[str], arg(metavar="TASK", help="half-century, language, author:CORPUS or decade:CORPUS.")
    ],
    runs: Annotated[RunPaths, arg(help="Run directories of one tokenizer and split.")],
    output: OutputPath,
    how: Annotated[FineTuning, Flat] = DEFAULTS,
    cache: Cache = None,
) -> int:
    """Fine-tune trained models on few labelled snippets of text, and write their accuracies.

    Snippets to learn from come from training documents, those that are classified from held-out ones. Rows
    that the table has are kept: the same command resumes. The authors and decades are those of a collection
    with the file names of ELTeC (ENG18400_Trollope.txt), for example author:archive:novels.tar.xz.

    Args:
        output: The table to write, .csv or .parquet.
    """
    check_ending(output, ".csv", ".parquet")
    folder = cache_or_default(cache)
    prepare(folder)
    from quarry.train.inspect.finetuning import fine_tune_runs

    table = fine_tune_runs(task, runs, output, how, folder)
    make_console().print(f"{len(table):,} accuracies -> {output}", highlight=False)
    return DONE
