"""Which points count where several recipes trained the same N, U and E: those of the best recipe."""

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from quarry.analysis.points.schema import RECIPE
from quarry.analysis.points.settings import settings
from quarry.analysis.points.table import Exclusion

if TYPE_CHECKING:
    from quarry.analysis.points.table import Points

POINT = ["N", "U", "E"]
"""The columns of one place: a size, its unique tokens, the tokens processed."""


def of_best_recipe(points: "Points") -> "tuple[Points, tuple[str, ...]]":
    """At each N, U and E the points of the recipe with the least mean loss, and what to know of the choice.

    A recipe is a combination of those columns of `RECIPE` that the points have, and of the settings in which
    points of one place differ.
    """
    own = [name for name in RECIPE if name in points.table.columns]
    recipe = [*own, *(name for name in settings(points.table, POINT)[0] if name not in own)]
    mean = points.table.group_by(*POINT, *recipe).agg(pl.col("loss").mean())
    tried = mean.group_by(POINT).len()["len"]
    if tried.max() in (None, 1):
        return points, ()
    best = mean.sort("loss").group_by(POINT).first().select(*POINT, *recipe)
    kept = points.table.join(best, on=[*POINT, *recipe], how="semi", nulls_equal=True, maintain_order="left")
    exclusion = Exclusion("another recipe does better", len(points.table) - len(kept))
    fewer = int((tried < tried.max()).sum())
    warnings = (
        f"the best of up to {tried.max()} recipes ({', '.join(recipe)}) at each N, U and k: "
        f"{len(kept)} of {len(points.table)} points"
        + (f"; {fewer} of {len(tried)} were trained by fewer recipes" if fewer else ""),
    )
    return replace(points, table=kept, excluded=(*points.excluded, exclusion)), warnings
