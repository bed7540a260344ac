"""The tables of docs/geometry.md, from the committed results: python docs/scripts/geometry_tables.py"""

from pathlib import Path
from typing import Any

import polars as pl

from quarry.text import markdown_table

RESULTS = Path(__file__).parents[2] / "experiments" / "results" / "geometry"
SHOWN = (4096, 1024, 256)
"""Numbers of points of the decimation curves."""


def ends(row: dict[str, Any], name: str, digits: int = 2) -> str:
    """A value with the ends of its interval; a dash where there is none."""
    if row[name] is None:
        return "–"
    if row[f"{name}_low"] is None:
        return f"{row[name]:.{digits}f}"
    value, low, high = (f"{row[name + end]:.{digits}f}" for end in ("", "_low", "_high"))
    return f"{value} ({low} to {high})"


def students() -> str:
    """Exponents of students beside 4 / d."""
    head = ("d", "sharpness", "steps", "4 / d", "alpha", "dimension of the last layer")
    return markdown_table(
        head,
        (
            (
                str(row["d"]),
                f"{row['sharpness']:g}",
                f"{row['steps']:,}",
                f"{row['predicted']:.2f}",
                ends(row, "alpha"),
                ends(row, "two_nn", 1),
            )
            for row in pl.read_csv(RESULTS / "exponents.csv").to_dicts()
        ),
    )


def language() -> str:
    """The dimension of the last layer of each size."""
    head = ("d_model", "N", "loss", "TwoNN", "Levina-Bickel")
    return markdown_table(
        head,
        (
            (
                str(row["d_model"]),
                f"{row['n_nonembedding']:,}",
                f"{row['loss']:.3f}",
                ends(row, "two_nn"),
                ends(row, "levina_bickel"),
            )
            for row in pl.read_csv(RESULTS / "language.csv").to_dicts()
        ),
    )


def decimation() -> str:
    """Estimates from fewer and fewer points: the largest model, and cubes of as many points and features."""
    table = pl.read_csv(RESULTS / "dimensions.csv").filter(features=128)
    head = ("points from", *(f"TwoNN of {n:,}" for n in SHOWN), *(f"Levina-Bickel of {n:,}" for n in SHOWN))
    rows = []
    for (source,), own in table.group_by("source", maintain_order=True):
        at = {row["points"]: row for row in own.to_dicts()}
        cells = [f"{at[n][name]:.2f}" for name in ("two_nn", "levina_bickel") for n in SHOWN]
        rows.append((str(source), *cells))
    return markdown_table(head, rows)


if __name__ == "__main__":
    print(students(), language(), decimation(), sep="\n\n")
