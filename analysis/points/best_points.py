"""The best points at each budget or at each U, chosen anew in every draw of the runs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import scipy

from quarry.analysis.points.schema import SAME_VALUE, value_groups


@dataclass(frozen=True, eq=False)
class BestPoints:
    """The rows that a law may be fitted to, and the choice of the best among them.

    `table` holds the rows, with the `variable` of the law and loss as Float64. Rows with the same variable
    and the same `cell` differ by their seeds alone, and are judged by their mean: the luckiest seed is not
    what that cell reaches on average. At each level of the variable the cell of least mean loss is kept; with
    `unbeaten`, only if no lower level has as low a loss, and no other size a lower one at a level that is the
    same but for rounding: at one budget of compute each size has as many steps as fit into it.
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
    def _near(self) -> list[np.ndarray]:
        """Whether the cell 1, 2, ... places on is of another size, at the same level but for rounding.

        Arrays of [cells - 1], [cells - 2], ...; none without sizes.
        """
        if "N" not in self.cell:
            return []
        x = self._cells[self.variable].to_numpy()
        size, near = value_groups(self._cells["N"].cast(pl.Float64).fill_null(0.0).to_numpy()), []
        for shift in range(1, len(x)):
            rounding = x[shift:] <= x[:-shift] * (1 + SAME_VALUE)
            if not rounding.any():
                break
            near.append(rounding & (size[shift:] != size[:-shift]))
        return near

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
            best &= ~self._beaten_nearby(mean)
        return weights * (best.astype(float) @ in_cell.T)

    def _beaten_nearby(self, mean: np.ndarray) -> np.ndarray:
        """Whether another size has a lower loss at the same level but for rounding: [draws, cells]."""
        beaten = np.zeros(mean.shape, bool)
        for shift, near in enumerate(self._near, 1):
            beaten[:, :-shift] |= near & (mean[:, shift:] < mean[:, :-shift])
        return beaten

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
