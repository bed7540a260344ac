"""The best points at each budget or at each U, chosen anew in every draw of the runs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import scipy

from quarry.analysis.points.schema import value_groups


@dataclass(frozen=True, eq=False)
class BestPoints:
    """The rows that a law may be fitted to, and the choice of the best among them.

    `table` holds the rows, with the `variable` of the law and loss as Float64. Rows with the same variable
    and the same `cell` differ by their seeds alone, and are judged by their mean: the luckiest seed is not
    what that cell reaches on average. At each level of the variable the cell of least mean loss is kept; with
    `unbeaten`, only if no lower level has as low a loss, and no other size a lower one among levels within
    1%: at one budget of compute each size has as many whole steps as fit into it.
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
    def _cells(self) -> pl.DataFrame:
        """The cells by rising variable, numbered by `place`."""
        keys = [self.variable, *self.cell]
        return self.table.select(keys).unique().sort(keys).with_row_index("place")

    @cached_property
    def _in_cell(self) -> Any:
        """Which row is in which cell, sparse [rows, cells]."""
        cells, keys = self._cells, [self.variable, *self.cell]
        place = self.table.select(keys).join(
            cells, on=keys, how="left", nulls_equal=True, maintain_order="left"
        )
        at = (np.arange(len(place)), place["place"].to_numpy())
        return scipy.sparse.csr_array((np.ones(len(place)), at), shape=(len(place), len(cells)))

    @cached_property
    def _level(self) -> np.ndarray:
        """The number of each cell's level, ascending [cells]."""
        return np.unique(self._cells[self.variable].to_numpy(), return_inverse=True)[1]

    @cached_property
    def _budget(self) -> np.ndarray:
        """The number of each cell's group of levels within 1%, ascending [cells]."""
        return value_groups(self._cells[self.variable].to_numpy())

    @cached_property
    def _size(self) -> np.ndarray:
        """The number of each cell's size [cells]; one for all where sizes are not known."""
        if "N" not in self.cell:
            return np.zeros(len(self._cells), int)
        return value_groups(self._cells["N"].cast(pl.Float64).fill_null(0.0).fill_nan(0.0).to_numpy())

    def best(self, weights: np.ndarray) -> np.ndarray:
        """`weights` [draws, rows] for the rows of the best cells, 0 for the others: [draws, rows]."""
        in_cell, level = self._in_cell, self._level
        drawn = weights @ in_cell
        mean = ((weights * self.log_loss) @ in_cell) / np.where(drawn > 0, drawn, 1.0)
        mean = np.where(drawn > 0, mean, np.inf)
        least = np.minimum.reduceat(mean, np.flatnonzero(np.diff(level, prepend=-1)), axis=1)
        kept = np.isfinite(least)
        if self.unbeaten:
            kept[:, 1:] &= least[:, 1:] < np.minimum.accumulate(least, axis=1)[:, :-1]
        best = (mean == least[:, level]) & kept[:, level]
        if self.unbeaten:
            best &= self._of_best_size(mean)
        return weights * (best.astype(float) @ in_cell.T)

    def _of_best_size(self, mean: np.ndarray) -> np.ndarray:
        """Whether a cell is of the size that has the least loss at its budget: [draws, cells]."""
        budget, size = self._budget, self._size
        starts = np.flatnonzero(np.diff(budget, prepend=-1))
        least = mean == np.minimum.reduceat(mean, starts, axis=1)[:, budget]
        chosen = np.minimum.reduceat(np.where(least, size, len(size)), starts, axis=1)[:, budget]
        return least | (size == chosen)

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
