"""Exponents beside dimensions: python -m quarry.analysis.geometry FOLDER

Reads points.parquet, dimensions.csv, students.csv and student_dimensions.csv in FOLDER, made as
`quarry.experiments.geometry` says, and writes exponents.csv and language.csv there.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.estimation import fit
from quarry.analysis.fitting.intervals import mean_interval

LAWS = {"kaplan-n": "alpha_N", "power-offset": "alpha"}
"""Of L(N), and the exponent of each."""


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float | None, float | None]:
    """The mean of a few values and the ends of its t interval, which one value has not."""
    return float(values.mean()), *mean_interval(values, level)


def exponents(students: pl.DataFrame, dimensions: pl.DataFrame) -> pl.DataFrame:
    """A row for each d, sharpness and number of steps: 4 / d; alpha of L(N) ~ N^-alpha; and the dimension by
    TwoNN of the last layer of the widest students, where it was measured, after the fewest steps.

    Both are means over teachers with 95% intervals.
    """
    whole = dimensions.filter(pl.col("known").is_null(), parts=1)
    measured = dict(whole.select("source", "two_nn").iter_rows())
    rows = []
    for (d, sharpness, steps), of in students.group_by("d", "sharpness", "steps", maintain_order=True):
        own = of.partition_by("teacher")
        row: dict[str, Any] = {"d": d, "sharpness": sharpness, "steps": steps, "teachers": len(own)}
        row |= {"predicted": 4 / d} | _named("alpha", np.array([_alpha(each) for each in own]))
        if steps == students["steps"].min():
            names = [f"d{d}-sharpness{sharpness:g}-teacher{each['teacher'][0]}" for each in own]
            row |= _named("two_nn", np.array([measured[name] for name in names]))
        rows.append(row)
    return pl.DataFrame(rows).sort("steps", "sharpness", "d")


def _alpha(students: pl.DataFrame) -> float:
    """Of L(N) ~ N^-alpha, by the fit of `kaplan-n` to the students of one teacher."""
    return fit(students.select("N", "loss"), "kaplan-n", bootstrap=0).params["alpha_N"]


def _named(name: str, values: np.ndarray) -> dict[str, float | None]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), interval(values), strict=True))


def language(points: pl.DataFrame, dimensions: pl.DataFrame, bootstrap: int = 1000) -> pl.DataFrame:
    """A row for each size: its loss, and the dimension of its last layer by both estimates.

    4 / alpha of the ladder by each law, with the ends of its interval, is the same in every row.
    """
    last = points.filter(split="validation").sort("step").group_by("point", maintain_order=True).last()
    table = (
        last.sort("n_nonembedding")
        .select("point", "d_model", "n_nonembedding", "loss")
        .join(
            dimensions.filter(pl.col("known").is_null(), parts=1).drop(
                "known", "parts", "copies", "features"
            ),
            left_on="point",
            right_on="source",
        )
    )
    for law, name in LAWS.items():
        found = fit(table.select("loss", N="n_nonembedding"), law, bootstrap=bootstrap)
        low, high = found.interval[name]
        column = f"four_over_alpha_{law.replace('-', '_')}"
        ends = {column: found.params[name], f"{column}_low": high, f"{column}_high": low}
        table = table.with_columns(
            **{key: pl.lit(4 / value if value else None) for key, value in ends.items()}
        )
    return table


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    read = {
        name: pl.read_csv(folder / f"{name}.csv") for name in ("dimensions", "students", "student_dimensions")
    }
    tables = {
        "exponents": exponents(read["students"], read["student_dimensions"]),
        "language": language(pl.read_parquet(folder / "points.parquet"), read["dimensions"]),
    }
    for name, table in tables.items():
        print(table)
        table.write_csv(folder / f"{name}.csv", float_precision=5)


if __name__ == "__main__":
    main()
