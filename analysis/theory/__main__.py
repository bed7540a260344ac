"""Solvable models as points tables, and beside measured runs: `python -m quarry.analysis.theory --help`."""

from pathlib import Path
from typing import Literal, get_args

import polars as pl
import tyro
from rich.console import Console

from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.points.loading import load_points
from quarry.analysis.theory.comparison import EXPONENTS, beside
from quarry.analysis.theory.simulated import LADDERS, WORLDS
from quarry.console import TitledTable, make_console
from quarry.text import MISSING, estimate

Model = Literal["equal", "rare", "wrong", "lookup", "features", "hard", "easy"]


def main(
    measured: tyro.conf.Positional[Path],
    models: tuple[Model, ...] = get_args(Model)[: len(LADDERS)],
    folder: Path | None = None,
    bootstrap: int = 500,
) -> None:
    """The exponents of passes and reuse of measured runs beside those of solvable models.

    Args:
        measured: A directory of runs, or a table of points, as for `quarry epochs`.
        models: The models; analysis/theory says what each is.
        folder: Also write the simulated points of each model here, for `quarry epochs` and `quarry fit`.
        bootstrap: Draws for the intervals of the measured ones.
    """
    points = load_points(measured, annealed_only=False)
    ladders = [(LADDERS | WORLDS)[name] for name in models]
    print_table(beside(study_epochs(points, bootstrap=bootstrap).laws, ladders), make_console())
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for ladder in ladders:
            ladder.points().write_parquet(folder / f"{ladder.name}.parquet")


def print_table(found: pl.DataFrame, console: Console) -> None:
    """A row for each source, the measured letters with their intervals."""
    table = TitledTable(title="k_rho ~ N^-b U^c and r_inf - 1 ~ N^-q U^p")
    for heading in ("source", *EXPONENTS, "inside the measured intervals", "outside"):
        table.add_column(heading, justify="left" if heading in ("source", "outside") else "right")
    for row in found.iter_rows(named=True):
        letters = [estimate(row, letter, 2) for letter in EXPONENTS]
        table.add_row(row["source"], *letters, row["agrees"] or MISSING, row["differs"] or MISSING)
    console.print(table)


if __name__ == "__main__":
    tyro.cli(main)
