"""The irreducible loss of one corpus by every law, and where its L(C) and L(D) cross.

Of images whose L_inf is within reach the laws of N, C and D should give the same one (Henighan et al. 2020,
section 6: 599 nats per image of 8x8 pixels by L(D), 602 by L(C)).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.crossing.known_laws import NoCrossing
from quarry.analysis.crossing.measured import find_crossing
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.fitting.intervals import Interval, IntervalSettings
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.crossing.result import CrossingResult
    from quarry.analysis.modalities.ladders import Ladder

_NUMBERS = ("value", "low", "high", "per_image", "image_low", "image_high")
COLUMNS: dict[str, Any] = dict.fromkeys(("corpus", "quantity", "law"), pl.String)
COLUMNS |= dict.fromkeys(_NUMBERS, pl.Float64)

Row = tuple[str, str, float | None, Interval]


def floors(ladder: "Ladder", exponents: pl.DataFrame, bootstrap: int = 1000) -> pl.DataFrame:
    """A row for each estimate: its value with a 95% interval, nats per token, and per image for images.

    `exponents` are the rows of this ladder. C* is in FLOPs, and null where the laws do not cross. Raises
    PointsError, FitError as `find_crossing`.
    """
    rows = [*_fitted(exponents), *_by_size(ladder, bootstrap), *_crossing(ladder, bootstrap)]
    return pl.DataFrame([_row(ladder, *row) for row in rows], COLUMNS)


def _fitted(exponents: pl.DataFrame) -> Iterator[Row]:
    """What the table of exponents has: that of each law fitted alone, and once that of the surface."""
    of_surface = (pl.col("method") == "chinchilla") & (pl.col("quantity") == "L(N)")
    for row in exponents.filter((pl.col("method") == "power-offset") | of_surface).iter_rows(named=True):
        quantity = "L(N, E)" if row["method"] == "chinchilla" else row["quantity"]
        yield quantity, row["method"], row["l_inf"], (row["l_inf_low"], row["l_inf_high"])


def _by_size(ladder: "Ladder", bootstrap: int) -> Iterator[Row]:
    """The loss that each size tends to with more tokens."""
    for (n,), table in ladder.once.group_by("N", maintain_order=True):
        try:
            found = fit(table, "power-offset", x="E", bootstrap=bootstrap)
        except FitError:
            continue
        yield f"L(E), N = {n:.0f}", "power-offset", found.params["L_inf"], found.interval["L_inf"]


def _crossing(ladder: "Ladder", bootstrap: int) -> Iterator[Row]:
    """L_inf of L(C) and L(D), each with its own, and their crossing with and without."""
    for offset in ("none", "separate"):
        found = find_crossing(ladder.all, offset=offset, bootstrap=bootstrap, level=0.95)
        if offset == "separate":
            for name, law in (("C", found.compute), ("D", found.data)):
                yield f"L({name})", "crossing", law.offset, _interval(found, f"L_inf_{name}", law.offset)
        at = None if isinstance(found.crossing, NoCrossing) else found.crossing.flops
        yield "C*", f"crossing, offset {offset}", at, found.interval


def _interval(found: "CrossingResult", name: str, value: float) -> Interval:
    draws = found.draws.get(name, np.array([]))
    runs = pl.concat([found.frontier["run"], found.floor["run"]]).n_unique()
    return IntervalSettings.of_runs(found.level, runs).interval(draws, value)


def _row(ladder: "Ladder", quantity: str, law: str, value: float | None, ends: Interval) -> dict[str, Any]:
    row = {"corpus": ladder.corpus, "quantity": quantity, "law": law, "value": value}
    row |= {"low": ends[0], "high": ends[1]}
    if ladder.image_tokens and quantity != "C*":
        images = zip(("per_image", "image_low", "image_high"), (value, *ends), strict=True)
        row |= {name: None if each is None else each * ladder.image_tokens for name, each in images}
    return row
