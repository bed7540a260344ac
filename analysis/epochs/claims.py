"""The four claims, each with its estimate, interval, probability and the cells that decide it."""

from dataclasses import dataclass

import numpy as np

from quarry.analysis.epochs.causes import CAUSES, Causes
from quarry.analysis.epochs.estimates import interval_of, probability
from quarry.analysis.epochs.gap_forms import GapForms
from quarry.analysis.epochs.passes import Passes
from quarry.analysis.epochs.power_laws import PowerLaw
from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.text import count, number

SURE = 0.975
"""A claim is decided where a two-sided interval of 95% leaves its contrary out."""
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Verdict:
    """One claim: `quantity` says what `estimate` is; `holds` is yes, no, undecided or not measured.

    `probability` is that of the claim over the draws: from .975 on it holds, up to .025 it does not. `cells`
    says which measurements decide it, `words` all of it in a sentence.
    """

    claim: str
    quantity: str
    estimate: float | None
    interval: tuple[float | None, float | None]
    probability: float | None
    holds: str
    cells: str
    words: str


def verdicts(
    passes: Passes, gaps: GapForms | None, law: PowerLaw | None, why: Causes, settings: IntervalSettings
) -> tuple[Verdict, ...]:
    """Claims 1 to 4."""
    return (
        _fewer_passes(passes, settings),
        _one_pass(passes, settings),
        _merging(gaps, settings),
        _falling_reuse(law, why, settings),
    )


def _decided(p: float | None) -> str:
    if p is None:
        return "undecided"
    return "yes" if p >= SURE else "no" if p <= 1 - SURE else "undecided"


def _unmeasured(claim: str, quantity: str, reason: str) -> Verdict:
    return Verdict(claim, quantity, None, (None, None), None, NOT_MEASURED, reason, f"{claim}: {reason}")


def _verdict(
    claim: str,
    quantity: str,
    values: np.ndarray,
    holds: np.ndarray,
    cells: str,
    told: str,
    settings: IntervalSettings,
) -> Verdict:
    known = np.isfinite(values)
    p = probability(holds, ~np.isnan(values))
    low, high = interval_of(values, settings)
    decided = _decided(p)
    ends = f"{number(low, 3)} to {number(high, 3)}"
    shown = number(float(values[0]), 3) if known[0] else "not finite"
    words = f"{told} {shown} ({settings.level:.0%} interval {ends}), probability of the claim {number(p, 3)}"
    return Verdict(
        claim, quantity, float(values[0]) if known[0] else None, (low, high), p, decided, cells, words
    )


def _law_cells(law: PowerLaw, what: str) -> str:
    return f"{law.known} of {law.cells} cells (N, U) where {what} was reached; the others are bounds"


def _fewer_passes(passes: Passes, settings: IntervalSettings) -> Verdict:
    claim, quantity = "1. bigger models need fewer passes", f"b of k({passes.name}) ~ N^-b U^c"
    if passes.law is None or np.isnan(passes.law.of_n[0]):
        return _unmeasured(claim, quantity, f"too few cells reach {passes.name}")
    b = -passes.law.of_n
    holds = settings.widened(b) > 0
    return _verdict(claim, quantity, b, holds, _law_cells(passes.law, passes.name), "b =", settings)


def _one_pass(passes: Passes, settings: IntervalSettings) -> Verdict:
    claim = "2. a finite size needs one pass only"
    law = passes.law
    if law is None or np.isnan(law.of_n[0]):
        return _unmeasured(claim, "ln N_1", f"too few cells reach {passes.name}")
    sizes = passes.one_pass_size(law.u_middle)
    quantity = f"N_1 at U = {count(law.u_middle)}"
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = float((np.nan_to_num(law.of_u) / -law.of_n)[0])
    told = f"d ln N_1 / d ln U = {number(growth, 3)}, N_1 ="
    # A draw that cannot bear the law says nothing; one in which no size will do says no.
    sizes = np.where(np.isnan(law.of_n), np.nan, sizes)
    return _verdict(claim, quantity, sizes, np.isfinite(sizes), _law_cells(law, passes.name), told, settings)


def _merging(gaps: GapForms | None, settings: IntervalSettings) -> Verdict:
    claim = "3. the first pass meets the floor as N grows"
    if gaps is None:
        return _unmeasured(
            claim, "a of g ~ N^-a", "too few sizes and U with a floor and a first pass of as many tokens"
        )
    falls = gaps.law.exponent(gaps.middle)
    faster = gaps.law.exponent(10 * gaps.middle)[0] - falls[0]
    cells = f"{gaps.cells} cells (N, E); forms judged at each larger N, by fits of the smaller"
    told = f"{number(faster, 2)} more with ten times the tokens, a ="
    quantity = f"a of g ~ N^-a at E = {count(gaps.middle)}"
    holds = gaps.vanishes & (settings.widened(falls) > 0)
    return _verdict(claim, quantity, falls, holds, cells, told, settings)


def _falling_reuse(law: PowerLaw | None, why: Causes, settings: IntervalSettings) -> Verdict:
    claim, quantity = "4. repeats are worth less to bigger models", "q of r_inf - 1 ~ N^-q U^p"
    if law is None or np.isnan(law.of_n[0]):
        return _unmeasured(claim, quantity, "too few cells whose size was also trained on fresh tokens")
    q = -law.of_n
    known = {name: p for name, p in why.causes.items() if p is not None}
    cause = max(known, key=known.__getitem__) if known else None
    cells = _law_cells(law, "r_inf")
    told = (
        f"by {cause} (probability {number(known[cause], 2)}), q ="
        if cause in CAUSES[:3] and known[cause] > 0
        else "q ="
    )
    return _verdict(claim, quantity, q, settings.widened(q) > 0, cells, told, settings)
