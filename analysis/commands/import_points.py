"""`quarry import`: points from the logs, tables and TensorBoard directories of other trainers."""

from dataclasses import dataclass
from typing import Annotated

from quarry.console import make_console
from quarry.errors import DONE
from quarry.options import FilePaths, Flat, OutputPath
from quarry.text import plural


@dataclass(frozen=True)
class ImportOptions:
    """What the files do not say themselves."""

    params: float | None = None
    """The parameters of the models, where the files do not say; import models of several sizes apart."""
    tokens_per_step: float | None = None
    """The tokens of one step, where the files do not say: batch size times context."""
    loss: str | None = None
    """The column or tag that is the loss, such as val/loss; default the usual names."""


def command(
    files: FilePaths,
    output: OutputPath,
    options: Annotated[ImportOptions, Flat] = ImportOptions(),
) -> int:
    """Write the points of other trainers' logs as a table: nanochat, MaxText, W&B exports, TensorBoard.

    Args:
        files: Printed logs, exported tables or TensorBoard directories.
        output: The table to write, .csv or .parquet.
    """
    from quarry.analysis.points.importing.read import Import, combined, import_points
    from quarry.train.record.points_table import write_table

    read = [import_points(path, Import(**vars(options))) for path in files]
    table = combined([table for table, _ in read])
    write_table(table, output)
    console = make_console()
    for note in dict.fromkeys(note for _, notes in read for note in notes):
        console.print(note, highlight=False, soft_wrap=True)
    runs = table["run"].n_unique() if "run" in table.columns else len(table)
    console.print(f"{plural(len(table), 'point')} of {plural(runs, 'run')} -> {output}", highlight=False)
    return DONE
