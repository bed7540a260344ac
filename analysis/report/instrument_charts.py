"""The charts of what the instruments of the runs measured; none for an instrument that no run had on."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from quarry.analysis.instruments.context_loss import position_table
from quarry.analysis.instruments.noise_scale import critical_batches, noise_scales
from quarry.analysis.instruments.other_texts import other_losses
from quarry.analysis.report.figures import instruments as figures
from quarry.errors import PointsError


def instrument_charts(
    runs: Path, points: pl.DataFrame, fit_context: Callable[[pl.DataFrame], Sequence[Any]]
) -> dict[str, Any]:
    """The charts by id: noise-scale, context, transfer, classes.

    `points` is the points table of `runs`; `fit_context` gives the laws of a table of positions.
    """
    makers: dict[str, Callable[[], Any]] = {
        "noise-scale": lambda: figures.noise_scale(noise_scales(runs), critical_batches(runs)),
        "context": lambda: _positions(position_table(runs), fit_context),
        "transfer": lambda: figures.transfer(other_losses(points, "on")),
        "classes": lambda: figures.classes(other_losses(points, "of")),
    }
    return dict(_measured(makers))


def _positions(positions: pl.DataFrame, fit_context: Callable[[pl.DataFrame], Sequence[Any]]) -> Any:
    return figures.position_loss(positions, fit_context(positions))


def _measured(makers: dict[str, Callable[[], Any]]) -> Iterator[tuple[str, Any]]:
    for name, make in makers.items():
        try:
            yield name, make()
        except PointsError:  # no run measured it
            continue
