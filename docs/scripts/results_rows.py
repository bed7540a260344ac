"""The rows of docs/results.md: a published claim, ours beside it, and the verdict that follows."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from quarry import load_points
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.fitting.intervals import Interval
from quarry.analysis.fitting.result import Fit
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.points.table import Points
from quarry.text import number

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path("experiments/results")


@dataclass(frozen=True)
class Table:
    """A committed table of points, and how a command reads it."""

    path: Path
    exclude: tuple[str, ...] = ()
    count: str = "n_nonembedding"
    best_recipe: bool = False
    mid_schedule: bool = False

    def points(self, law: str | None = None) -> Points:
        """The points, without those excluded."""
        from quarry.analysis.fitting.comparison.recipes import of_best_recipe

        found = load_points(
            ROOT / self.path,
            self.count,
            annealed_only=not self.mid_schedule,
            exclude=self.exclude,
            law=find_law(law) if law else None,
        )
        return of_best_recipe(found)[0] if self.best_recipe else found

    def words(self) -> str:
        """The table and its options on the command line."""
        options = [f'--exclude "{each}"' for each in self.exclude]
        options += [f"--count {self.count}"] * (self.count != "n_nonembedding")
        options += ["--best-recipe"] * self.best_recipe + ["--mid-schedule"] * self.mid_schedule
        return " ".join([str(self.path), *options])

    def but(self, **fields: Any) -> "Table":
        """The same table read otherwise."""
        return Table(**(vars(self) | fields))


@dataclass(frozen=True)
class Row:
    """A claim: where it stands, what it says, what our runs say; `span` is ours, in powers of ten."""

    source: str
    claim: str
    published: str
    ours: str
    span: str
    verdict: str
    why: str
    command: str

    def cells(self) -> dict[str, str]:
        return asdict(self)


def shown(value: float, ends: Interval, digits: int = 3) -> str:
    """An estimate with its interval, an open end a dash."""
    low, high = ("–" if end is None else number(end, digits) for end in ends)
    return f"{number(value, digits)} [{low}, {high}]"


@cache
def fitted(
    table: Table,
    law: str,
    held_out: tuple[str, ...] = (),
    critical: tuple[tuple[str, float], ...] = (),
    x: str = "N",
    bootstrap: int = 1000,
) -> Fit:
    """A law fitted to a table, without the points held out."""
    points = table.points(law)
    if held_out:
        points, _ = points.hold_out(held_out)
    return fit(points, law, x=x, critical=dict(critical) or None, bootstrap=bootstrap)


def command_of(table: Table, law: str, *more: str) -> str:
    return " ".join(["quarry fit", table.words(), f"--law {law}", *more])


def of_fit(name: str, found: Fit) -> tuple[float, Interval]:
    """A parameter or derived quantity with its interval."""
    value = found.params.get(name, found.derived.get(name))
    assert value is not None, name
    return value, (found.interval | found.derived_interval)[name]


def span(table: pl.DataFrame, names: Sequence[str] = ("N", "E", "C")) -> str:
    """How many powers of ten each of the columns spans: N 1.8, E 2.4."""
    reach = {name: float(table[name].max() / table[name].min()) for name in names if name in table.columns}
    return ", ".join(f"{name} {math.log10(each):.1f}" for name, each in reach.items() if each > 1.02) or "–"
