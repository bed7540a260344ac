"""The best points at each budget or at each U, chosen anew in every draw of the runs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import scipy


@dataclass(frozen=True, eq=False)
class BestPoints:
    """The rows that a law may be fitted to, and the choice of the best among them.

    `table` holds the rows, with the `variable` of the law and loss as Float64. Rows with the same variable
    and the same `cell` differ by their seeds alone, and are judged by their mean: the luckiest seed is not
    what that cell reaches on average. At each level of the variable the cell of least mean loss is kept; with
    `unbeaten`, only if no lower level has as low a loss.
    """

    table: pl.DataFrame
    variable: str
    unbeaten: bool
    cell: tuple[str, ...] = ("N", "E")

    @cached_property
    def x(self) -> np.ndarray:
        return self.table[self.variable].to_numpy()

    @cached_property
    def log_loss(self) -> np.ndarray:
        return np.log(self.table["loss"].to_numpy())

    @cached_property
    def _cells(self) -> tuple[Any, np.ndarray]:
        """Which row is in which cell, sparse [rows, cells], and the number of each cell's level, [cells]."""
        keys = [self.variable, *self.cell]
        cells = self.table.select(keys).unique().sort(keys).with_row_index("place")
        place = self.table.select(keys).join(
            cells, on=keys, how="left", nulls_equal=True, maintain_order="left"
        )
        at = (np.arange(len(place)), place["place"].to_numpy())
        in_cell = scipy.sparse.csr_array((np.ones(len(place)), at), shape=(len(place), len(cells)))
        return in_cell, np.unique(cells[self.variable].to_numpy(), return_inverse=True)[1]

    def best(self, weights: np.ndarray) -> np.ndarray:
        """`weights` [draws, rows] for the rows of the best cells, 0 for the others: [draws, rows]."""
        in_cell, level = self._cells
        drawn = weights @ in_cell
        mean = ((weights * self.log_loss) @ in_cell) / np.where(drawn > 0, drawn, 1.0)
        mean = np.where(drawn > 0, mean, np.inf)
        least = np.minimum.reduceat(mean, np.flatnonzero(np.diff(level, prepend=-1)), axis=1)
        kept = np.isfinite(least)
        if self.unbeaten:
            kept[:, 1:] &= least[:, 1:] < np.minimum.accumulate(least, axis=1)[:, :-1]
        best = (mean == least[:, level]) & kept[:, level]
        return weights * (best.astype(float) @ in_cell.T)

    def levels(self, best: np.ndarray) -> np.ndarray:
        """The number of distinct x among the rows of positive weight in `best` [draws, rows]: [draws]."""
        return np.array([len(np.unique(self.x[row > 0])) for row in best])

    @cached_property
    def used(self) -> np.ndarray:
        """Which rows are best with every run drawn once: [rows]."""
        return self.best(np.ones((1, len(self.table))))[0] > 0

    @property
    def points(self) -> pl.DataFrame:
        """The best rows with every run drawn once, by rising x."""
        return self.table.filter(pl.Series(self.used)).sort(self.variable)
