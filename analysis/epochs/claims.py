"""The claims of the study, each with its estimate, interval, share of draws and the cells that decide it.

To add a claim, write a function of the `Evidence` that returns a `Verdict`, and add it to `CLAIMS`. If it
needs a quantity that `Evidence` lacks, add a field there and give it in `quarry.analysis.epochs.study`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.epochs.estimates import interval_of, probability
from quarry.analysis.fitting.intervals import Interval, IntervalSettings, finite
from quarry.text import count, number

if TYPE_CHECKING:
    from quarry.analysis.epochs.gap_forms import GapForms
    from quarry.analysis.epochs.passes import Passes
    from quarry.analysis.epochs.power_laws import PowerLaw

DECIDED_FROM = 0.975
"""A claim is decided where the two-sided 95% interval excludes its opposite."""
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Verdict:
    """One claim: `quantity` names the `estimate`; `holds` is yes, no, undecided or not measured.

    `probability` is the share of the draws of noise in which it holds, given the estimator: a claim is yes
    from 0.975 on and no up to 0.025. It is not the probability that the claim is true. `cells` says which
    measurements decide it, `words` the whole verdict in a sentence.
    """

    claim: str
    quantity: str
    estimate: float | None
    interval: Interval
    probability: float | None
    holds: str
    cells: str
    words: str


@dataclass(frozen=True)
class Evidence:
    """What the claims are judged by: quantities over draws, and the settings of their intervals.

    `passes` are those to the deciding criterion, `largest` is the largest N trained on repeated tokens;
    `gaps` and `reuse_law` are None where too few cells were measured.
    """

    passes: "Passes"
    largest: float
    gaps: "GapForms | None"
    reuse_law: "PowerLaw | None"
    settings: IntervalSettings


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """The verdict on each of `CLAIMS`."""
    return tuple(claim(evidence) for claim in CLAIMS)


def _decided(p: float | None) -> str:
    if p is None:
        return "undecided"
    return "yes" if p >= DECIDED_FROM else "no" if p <= 1 - DECIDED_FROM else "undecided"


def _unmeasured(claim: str, quantity: str, reason: str) -> Verdict:
    return Verdict(claim, quantity, None, (None, None), None, NOT_MEASURED, reason, f"{claim}: {reason}")


@dataclass(frozen=True)
class _Question:
    """A claim, the quantity that decides it, the words before its value, and the cells that it rests on."""

    claim: str
    quantity: str
    lead: str
    cells: str

    def answer(self, values: np.ndarray, holds: np.ndarray, settings: IntervalSettings) -> Verdict:
        """The verdict by the quantity and by whether the claim holds, both [1 + draws]."""
        p = probability(holds, ~np.isnan(values))
        low, high = interval_of(values, settings)
        estimate = finite(values[0])
        shown = "not finite" if estimate is None else number(estimate, 3)
        ends = f"{settings.level:.0%} interval {number(low, 3)} to {number(high, 3)}"
        words = f"{self.lead} {shown} ({ends})"
        if p is not None:
            words += f"; the claim holds in {p:.1%} of the draws of noise"
        return Verdict(self.claim, self.quantity, estimate, (low, high), p, _decided(p), self.cells, words)


def _law_cells(law: "PowerLaw", what: str) -> str:
    return f"{law.known} of {law.cells} cells (N, U) where {what} was reached; the others are bounds"


def fewer_passes(evidence: Evidence) -> Verdict:
    """Bigger models need fewer passes: b > 0."""
    passes, settings = evidence.passes, evidence.settings
    claim, quantity = "1. bigger models need fewer passes", f"b of k({passes.name}) ~ N^-b U^c"
    if passes.law is None or np.isnan(passes.law.of_n[0]):
        return _unmeasured(claim, quantity, f"too few cells reach {passes.name}")
    b = -passes.law.of_n
    question = _Question(claim, quantity, "b =", _law_cells(passes.law, passes.name))
    return question.answer(b, settings.widened(b) > 0, settings)


def one_pass(evidence: Evidence) -> Verdict:
    """A finite size needs one pass only: N_1 is finite."""
    passes, law = evidence.passes, evidence.passes.law
    claim = "2. a finite size needs one pass only"
    if law is None or np.isnan(law.of_n[0]):
        return _unmeasured(claim, "ln N_1", f"too few cells reach {passes.name}")
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = float((np.nan_to_num(law.of_u) / -law.of_n)[0])
    lead = f"d ln N_1 / d ln U = {number(growth, 3)}, N_1 ="
    question = _Question(claim, f"N_1 at U = {count(law.u_middle)}", lead, _law_cells(law, passes.name))
    # A draw whose cells do not determine the law is unknown; one in which no size suffices is a no.
    sizes = np.where(np.isnan(law.of_n), np.nan, passes.one_pass_size(law.u_middle))
    verdict = question.answer(sizes, np.isfinite(sizes), evidence.settings)
    return _inside(verdict, sizes, evidence.largest)


def _inside(verdict: Verdict, sizes: np.ndarray, largest: float) -> Verdict:
    """The verdict; undecided where a yes rests on sizes [1 + draws] beyond the `largest` trained."""
    beyond = np.isfinite(sizes) & (sizes > largest)
    if verdict.holds != "yes" or beyond.mean() <= 1 - DECIDED_FROM:
        return verdict
    words = f"{verdict.words}; beyond the largest size trained, {count(largest)}: one law carried on"
    return replace(verdict, holds="undecided", words=words)


def vanishing_gap(evidence: Evidence) -> Verdict:
    """The first pass meets the floor as N grows: vanishing forms predict better, and a > 0."""
    claim, gaps = "3. the first pass meets the floor as N grows", evidence.gaps
    if gaps is None:
        reason = "too few sizes and U with a floor and a first pass of as many tokens"
        return _unmeasured(claim, "a of g ~ N^-a", reason)
    exponent = gaps.law.exponent(gaps.middle)
    faster = gaps.law.exponent(10 * gaps.middle)[0] - exponent[0]
    question = _Question(
        claim,
        f"a of g ~ N^-a at E = {count(gaps.middle)}",
        f"{number(faster, 2)} more with ten times the tokens, a =",
        f"{gaps.cells} cells (N, E); forms judged at each larger N, by fits of the smaller",
    )
    holds = gaps.vanishes & (evidence.settings.widened(exponent) > 0)
    return question.answer(exponent, holds, evidence.settings)


def falling_reuse(evidence: Evidence) -> Verdict:
    """Repeats are worth less to bigger models: q > 0."""
    law, settings = evidence.reuse_law, evidence.settings
    claim, quantity = "4. repeats are worth less to bigger models", "q of r_inf - 1 ~ N^-q U^p"
    if law is None or np.isnan(law.of_n[0]):
        return _unmeasured(claim, quantity, "too few cells whose size was also trained on fresh tokens")
    q = -law.of_n
    question = _Question(claim, quantity, "q =", _law_cells(law, "r_inf"))
    return question.answer(q, settings.widened(q) > 0, settings)


CLAIMS: tuple[Callable[[Evidence], Verdict], ...] = (fewer_passes, one_pass, vanishing_gap, falling_reuse)
"""The claims in the order of their numbers."""
