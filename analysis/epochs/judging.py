"""The verdicts of the study: the evidence for each claim put together, by the floor of single models and of
ensembles.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry.analysis.epochs.agreement import answers_table
from quarry.analysis.epochs.beyond import Criterion, Laws, answers_beyond
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


def _floors_end(found: "Quantities") -> bool:
    """Whether every floor is one for N to infinity, of sizes that were not cut short of their passes."""
    ended = ~np.isnan(found.floor.asymptote[0]) & ~found.tuned.cut.any(axis=0)
    return bool(ended[~np.isnan(found.floor.default[0])].all())


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
    laws = Laws(found.tuned, found.fresh, noise, found.floor, found.gap, found.forms, found.surfaces)
    criterion = Criterion(rho, found.passes[0], found.passes[-1])
    (one_pass,), merging = answers_beyond(laws, [criterion], seed)
    evidence = Evidence(
        found.passes[0],
        found.passes[1],
        laws.unique,
        _floors_end(found),
        float(found.tuned.sizes.max()),
        one_pass,
        merging,
        found.gap,
        found.forms,
        found.reuse.law,
        tables["shares"],
        tables["fixed_passes"],
        settings,
    )
    answers = answers_table({"one pass": one_pass, "the first pass meets the floor": merging}, settings)
    return {"causes": why.table, "answers": answers, "verdicts": judge(evidence)}
