"""The verdicts of the study: the evidence for each claim put together, by the floor of single models and of
ensembles.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.epochs.agreement import (
    Answer,
    Fitted,
    answers_table,
    floor_at,
    of_forms,
    of_passes,
    of_surfaces,
    within_noise,
)
from quarry.analysis.epochs.causes import causes
from quarry.analysis.epochs.claims import Evidence, judge
from quarry.analysis.epochs.ensembles import ensemble_draws
from quarry.analysis.epochs.floors import floors
from quarry.analysis.epochs.gap import gap
from quarry.analysis.epochs.gap_forms import gap_forms
from quarry.analysis.epochs.passes import passes_to_criteria
from quarry.analysis.fitting.intervals import IntervalSettings

if TYPE_CHECKING:
    from quarry.analysis.epochs.claims import Verdict
    from quarry.analysis.epochs.noise import Noise
    from quarry.analysis.epochs.quantities import Quantities


def by_ensembles(
    found: "Quantities",
    claims: dict[str, Any],
    tables: dict[str, Any],
    ensembles: pl.DataFrame,
    entropy: float,
    noise: "Noise",
    rho: float,
    seed: int,
    settings: IntervalSettings,
) -> "tuple[Verdict, ...]":
    """The verdicts by the floor of ensembles, another model class; the same where none is lower."""
    tuned, fresh = found.tuned, found.fresh
    averaged = ensemble_draws(ensembles, tuned.unique, noise, len(tuned.losses) - 1, seed)
    floor = floors(tuned, fresh, "ensemble", averaged)
    if np.array_equal(floor.default[0], found.floor.default[0], equal_nan=True):
        return claims["verdicts"]
    gaps = gap(fresh, tuned, floor)
    passes = passes_to_criteria(tuned, found.limits, floor, entropy, rho, seed)
    other = replace(found, floor=floor, gap=gaps, forms=gap_forms(gaps), passes=passes)
    return judged(other, tables, noise, rho, seed, settings)["verdicts"]


def judged(
    found: "Quantities",
    tables: dict[str, Any],
    noise: "Noise",
    rho: float,
    seed: int,
    settings: IntervalSettings,
) -> dict[str, Any]:
    """`causes`, `answers` and `verdicts` of `Epochs`."""
    why = causes(found.plain, found.tuned, found.floor, found.reuse, found.reuse_tuned, settings)
    one_pass, merging = _answers(found, noise, rho, seed)
    evidence = Evidence(
        found.passes[0],
        found.passes[1],
        found.tuned.unique[~np.isnan(found.floor.default[0])],
        float(found.tuned.sizes.max()),
        one_pass,
        merging,
        found.forms,
        found.reuse.law,
        tables["shares"],
        tables["fixed_passes"],
        settings,
    )
    answers = answers_table({"one pass": one_pass, "the first pass meets the floor": merging}, settings)
    return {"causes": why.table, "answers": answers, "verdicts": judge(evidence)}


def _answers(found: "Quantities", noise: "Noise", rho: float, seed: int) -> tuple[list[Answer], list[Answer]]:
    """What each law says of one pass within rho of the floor, and within two standard deviations of it.

    At the middle U of those that have a floor.
    """
    unique = found.tuned.unique[~np.isnan(found.floor.default[0])]
    if not len(unique):
        return [], []
    middle = float(np.exp(np.log(unique).mean()))
    floor = floor_at(found.floor, found.tuned.unique, middle)
    within = within_noise(noise, floor)
    fitted = Fitted.of(found.tuned, found.fresh, noise)
    passes = of_passes(found.passes[0], found.passes[-1], found.tuned, middle, seed)
    near, meets = (
        [*forms, *surfaces]
        for forms, surfaces in zip(
            of_forms(found.gap, found.forms, middle, [share * floor for share in (rho, within)]),
            of_surfaces(found.surfaces, fitted, middle, (rho, within)),
            strict=True,
        )
    )
    return [*passes, *near], meets
