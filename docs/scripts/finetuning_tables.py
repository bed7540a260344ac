"""The tables of docs/finetuning.md, from the committed results: python docs/scripts/finetuning_tables.py"""

from pathlib import Path
from typing import Any

import polars as pl

from quarry.text import markdown_table

RESULTS = Path(__file__).parents[2] / "experiments" / "results" / "finetuning"
UNSAID = "cannot say"


def ends(row: dict[str, Any], name: str, digits: int) -> str:
    """A value with the ends of its interval."""
    if row[name] is None:
        return UNSAID
    bounds = (row[name + end] for end in ("_low", "_high"))
    written = ["open" if end is None else f"{end:.{digits}f}" for end in bounds]
    return f"{row[name]:.{digits}f} ({' to '.join(dict.fromkeys(written))})"


def kind(task: object) -> str:
    """A task without its corpus."""
    return str(task).partition(":")[0]


def by_size(file: str, value: str, digits: int) -> str:
    """A row for each task and size, a column for each number of examples."""
    table = pl.read_csv(RESULTS / f"{file}.csv")
    examples = sorted(table["examples"].unique())
    rows = []
    for (task, size), own in table.group_by("task", "N", maintain_order=True):
        cells = {row["examples"]: ends(row, value, digits) for row in own.to_dicts()}
        rows.append((kind(task), f"{size:,}", *(cells.get(x, "") for x in examples)))
    return markdown_table(("task", "N", *(f"{x} examples" for x in examples)), rows)


def accuracies() -> str:
    """The accuracy of each size and number of examples."""
    return by_size("means", "accuracy", 2)


def exchange() -> str:
    """The factor by which the next larger model needs fewer examples."""
    return by_size("exchange", "factor", 1)


def pretraining() -> str:
    """What models gain over random weights."""
    return by_size("pretraining", "gain", 2)


def slopes() -> str:
    """The plane through all accuracies of a task."""
    head = ("task", "draws", "per factor e in examples", "per factor e in N", "power of N")
    return markdown_table(
        head,
        (
            (
                kind(row["task"]),
                str(row["draws"]),
                ends(row, "per_ln_examples", 3),
                ends(row, "per_ln_N", 3),
                ends(row, "power", 2),
            )
            for row in pl.read_csv(RESULTS / "slopes.csv").to_dicts()
        ),
    )


if __name__ == "__main__":
    print(accuracies(), exchange(), slopes(), pretraining(), sep="\n\n")
