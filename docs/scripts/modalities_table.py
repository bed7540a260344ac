"""The tables of docs/modalities.md, from the committed results: python docs/scripts/modalities_table.py"""

from pathlib import Path

import polars as pl

from quarry.analysis.modalities.__main__ import EXPONENTS, FLOORS, exponent_cells, floor_cells
from quarry.text import markdown_table

RESULTS = Path(__file__).parents[2] / "experiments" / "results" / "henighan"
QUANTITIES = ("L(N)", "L(C)", "N_opt(C)")


def quantity_rows(quantity: str) -> list[tuple[str, ...]]:
    """The rows of one quantity, without its name."""
    table = pl.read_csv(RESULTS / "exponents.csv").filter(quantity=quantity)
    return [(cells[0], *cells[2:]) for cells in map(exponent_cells, table.iter_rows(named=True))]


def floor_rows() -> list[tuple[str, ...]]:
    """The rows of the irreducible losses, without the corpus, which is one."""
    return [floor_cells(row)[1:] for row in pl.read_csv(RESULTS / "floors.csv").iter_rows(named=True)]


def tables() -> dict[str, str]:
    """Each table of the page, in Markdown."""
    head = (EXPONENTS[0], *EXPONENTS[2:])
    found = {quantity: markdown_table(head, quantity_rows(quantity)) for quantity in QUANTITIES}
    return found | {"floors": markdown_table(FLOORS[1:], floor_rows())}


if __name__ == "__main__":
    for title, table in tables().items():
        print(f"{title}\n\n{table}\n")
