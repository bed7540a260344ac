"""The claims of the study, each with its estimate, interval, share of draws and the cells that decide it.

To add a claim, write a function of the `Evidence` that returns a `Verdict`, and add it to `CLAIMS`. If it
needs a quantity that `Evidence` lacks, add a field there and give it in `quarry.analysis.epochs.study`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.agreement import DECIDED_FROM, Answer, decided, together
from quarry.analysis.epochs.estimates import interval_of, probability
from quarry.analysis.epochs.floors import FEWEST_PASSES
from quarry.analysis.fitting.intervals import Interval, IntervalSettings, finite
from quarry.analysis.points.schema import ONE_PASS
from quarry.text import count, estimate, number, plural

if TYPE_CHECKING:
    from quarry.analysis.epochs.gap import Gap
    from quarry.analysis.epochs.gap_forms import GapForms
    from quarry.analysis.epochs.passes import Passes
    from quarry.analysis.epochs.power_laws import BothLaws, PowerLaw

NOT_MEASURED = "not measured"
_FEW_PASSES = 4.0
"""Passes after which the worth of repeats is shown by size beside that of all passes."""


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

    `passes` are those to the deciding criterion, `common` those to a loss that all sizes reach, at the U in
    `unique` that have a floor, `floors_end` whether all of these are for N to infinity, of sizes with as many
    passes as others; `largest` is the largest N trained on repeated tokens. `one_pass` and `merging` are the
    answers of the laws to claims 2 and 3, `gap` and `gaps` the gap and its forms. `gaps` and `reuse_law` are
    None where too few cells were measured. `shares` and `fixed_passes` say how much of the fall of r_inf is
    what.
    """

    passes: "Passes"
    common: "Passes"
    unique: np.ndarray
    floors_end: bool
    largest: float
    one_pass: "Sequence[Answer]"
    merging: "Sequence[Answer]"
    gap: "Gap"
    gaps: "GapForms | None"
    reuse_law: "PowerLaw | None"
    shares: pl.DataFrame
    fixed_passes: pl.DataFrame
    settings: IntervalSettings


def judge(evidence: Evidence) -> tuple[Verdict, ...]:
    """The verdict on each of `CLAIMS`."""
    return tuple(claim(evidence) for claim in CLAIMS)


_NO_FLOOR = (
    f"no U has a floor: that takes a size trained for {FEWEST_PASSES} passes, and no lower loss on fewer "
    "tokens or in one pass"
)


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
        open_ended = (low, high) == (None, None)
        ends = f" ({settings.level:.0%} interval {number(low, 3)} to {number(high, 3)})"
        words = f"{self.lead} {shown}{'' if open_ended else ends}"
        if p is not None:
            words += f"; the claim holds in {p:.1%} of the draws of noise"
        return Verdict(self.claim, self.quantity, estimate, (low, high), p, decided(p), self.cells, words)


def _law_cells(law: "PowerLaw", what: str) -> str:
    others = "; the others are bounds" if law.known < law.cells else ""
    return f"{law.known} of {law.cells} cells (N, U) that show {what}{others}"


def fewer_passes(evidence: Evidence) -> Verdict:
    """Bigger models need fewer passes: b > 0 at every U.

    Both to the floor, among the sizes that can reach it, and to a loss that all sizes reach.
    """
    passes, common, settings = evidence.passes, evidence.common, evidence.settings
    claim, quantity = "1. bigger models need fewer passes", f"b of k({passes.name}) ~ N^-b"
    if passes.laws is None or np.isnan(passes.laws.separable.of_n[0]):
        return _unmeasured(claim, quantity, _too_few(passes))
    lead, b = _falls(passes.laws, evidence)
    question = _Question(
        claim, quantity, lead, _law_cells(passes.laws.separable, f"the passes to {passes.name}")
    )
    if common.laws is None or np.isnan(common.laws.separable.of_n[0]):
        return _of_all(question, b.min(axis=0), _widened(b, settings) > 0, settings)
    other, b_common = _falls(common.laws, evidence)
    least = number(b_common.min(axis=0)[0], 2)
    question = replace(question, lead=f"to {common.name} {other} {least}; to {passes.name} {lead}")
    both = np.vstack([b, b_common])
    return _of_all(question, b.min(axis=0), _widened(both, settings) > 0, settings)


def _too_few(passes: "Passes") -> str:
    """Why the cells do not bear a law of the passes."""
    logs = passes.logs
    cells, known = int((~np.isnan(logs.low[0])).sum()), int(logs.known[0].sum())
    if not cells:
        return _NO_FLOOR
    if known >= 3 and passes.laws is not None:
        return f"passes to {passes.name}: {passes.laws.separable.unborne}"
    first, never = int((logs.low[0] == -np.inf).sum()), int((logs.high[0] == np.inf).sum())
    return (
        f"only {known} of {cells} cells (N, U) show the passes to {passes.name}: {first} come there by the "
        f"first k measured, {never} not by the last"
    )


def _falls(laws: "BothLaws", evidence: Evidence) -> tuple[str, np.ndarray]:
    """Words, and b [U, draws]: pooled [1, draws], or at each U where the interaction of N and U is not 0."""
    if laws.interaction is None or laws.pooled(evidence.settings):
        return "b =", -laws.separable.of_n[None]
    b = np.stack([-laws.interaction.exponent(u) for u in evidence.unique])
    each = ", ".join(
        f"{number(value[0], 2)} at {count(u)}" for u, value in zip(evidence.unique, b, strict=True)
    )
    return f"b differs by U ({each} tokens), the least b =", b


def _widened(values: np.ndarray, settings: IntervalSettings) -> np.ndarray:
    """Rows of draws [rows, draws], each widened."""
    return np.stack([settings.widened(row) for row in values])


def _of_all(
    question: _Question, values: np.ndarray, holds: np.ndarray, settings: IntervalSettings
) -> Verdict:
    """The verdict on a statement that holds or not at each U [U, draws]: yes or no if so at all of them."""
    verdict = question.answer(values, np.asarray(holds.all(axis=0)), settings)
    if verdict.holds == "no" and holds[:, 1:].mean(axis=1).max(initial=0.0) > 1 - DECIDED_FROM:
        return replace(
            verdict, holds="undecided", words=f"{verdict.words}; it holds at some U and not at others"
        )
    return verdict


def one_pass(evidence: Evidence) -> Verdict:
    """A finite size needs one pass only: sizes trained do at every U, or every law that counts names one."""
    passes, claim = evidence.passes, "2. a finite size needs one pass only"
    quantity = f"N that comes within {passes.name} in one pass"
    reached = _reached_in_one(passes, evidence.unique)
    p = probability(reached, np.ones_like(reached))
    if evidence.floors_end and (decided(p) == "yes" or (p is None and reached[0])):
        words = f"{passes.name} was reached in one pass at every U, by a size trained"
        return Verdict(claim, quantity, None, (None, None), p, decided(p), "the first passes trained", words)
    return _by_all_laws(claim, quantity, evidence.one_pass, evidence)


def _reached_in_one(passes: "Passes", unique: np.ndarray) -> np.ndarray:
    """Whether at every U with a floor some size reached the criterion in one pass, [draws]."""
    with np.errstate(invalid="ignore"):
        of_u = (passes.logs.high <= np.log(ONE_PASS)).any(axis=1)
    known = ~np.isnan(passes.logs.high[0]).all(axis=0)
    return of_u[:, known].all(axis=1) if len(unique) else np.zeros(len(of_u), bool)


def vanishing_gap(evidence: Evidence) -> Verdict:
    """The first pass meets the floor as N grows, within the noise: by every law that counts.

    Beside it the exponent a of g ~ N^-a, and the share of draws in which the forms of the gap that vanish
    predict better than those that leave a remainder.
    """
    claim, gaps = "3. the first pass meets the floor as N grows", evidence.gaps
    if gaps is None:
        return _unmeasured(claim, "a of g ~ N^-a", _no_forms(evidence))
    exponent = gaps.law.exponent(gaps.middle)
    faster = gaps.law.exponent(10 * gaps.middle)[0] - exponent[0]
    lead = f"{number(faster, 2)} more with ten times the tokens, a ="
    question = _Question(claim, f"a of g ~ N^-a at E = {count(gaps.middle)}", lead, "")
    falls = gaps.vanishes & (evidence.settings.widened(exponent) > 0)
    verdict = question.answer(exponent, falls, evidence.settings)
    laws = _by_all_laws(claim, question.quantity, evidence.merging, evidence)
    words = f"{verdict.words.split('; the claim')[0]}; within two standard deviations of the floor, "
    return replace(verdict, holds=laws.holds, words=words + laws.words, cells=laws.cells)


def _no_forms(evidence: Evidence) -> str:
    """Why no form of the gap was fitted."""
    if not len(evidence.unique):
        return _NO_FLOOR
    values = evidence.gap.values[0]
    below, cells = int((values <= 0).sum()), int((~np.isnan(values)).sum())
    if below:
        return f"in {below} of {cells} cells (N, E) the first pass is not above the floor: no power of N"
    return "too few sizes and U with a floor for N to infinity and a first pass of as many tokens"


def _by_all_laws(claim: str, quantity: str, answers: "Sequence[Answer]", evidence: Evidence) -> Verdict:
    """What all laws that count say of the sizes beyond those trained."""
    counted = [answer for answer in answers if not answer.objection]
    if not counted:
        return _unmeasured(claim, quantity, _NO_FLOOR if not len(evidence.unique) else _no_law(answers))
    holds, words = together(counted)
    objections = "".join(f"; not counted: {each}" for each in _objections(answers))
    laws = plural(len(counted), "law")
    beyond = f"{laws} carried beyond the sizes trained, to {count(evidence.largest)}{objections}"
    shares = [answer.share for answer in counted if answer.share is not None]
    least_sure = {"yes": min, "no": max}.get(holds)
    share = least_sure(shares) if least_sure else None
    return Verdict(claim, quantity, None, (None, None), share, holds, beyond, words)


def _no_law(answers: "Sequence[Answer]") -> str:
    if not answers:
        return "too few cells to fit a law to"
    return f"no law describes the runs: {'; '.join(_objections(answers))}"


def _objections(answers: "Sequence[Answer]") -> list[str]:
    """Each objection with the laws that it is to."""
    against: dict[str, list[str]] = {}
    for each in answers:
        if each.objection:
            against.setdefault(each.objection, []).append(each.law)
    return [f"{'; '.join(laws)} ({why})" for why, laws in against.items()]


def falling_reuse(evidence: Evidence) -> Verdict:
    """Repeats are worth less to bigger models, all passes together: q > 0; with the terms of the fall."""
    law, settings = evidence.reuse_law, evidence.settings
    claim, quantity = "4. repeats are worth less to bigger models", "q of r_inf - 1 ~ N^-q U^p"
    if law is None:
        return _unmeasured(claim, quantity, "too few cells whose size was also trained on fresh tokens")
    if np.isnan(law.of_n[0]):
        return _unmeasured(claim, quantity, f"r_inf: {law.unborne}")
    q = -law.of_n
    question = _Question(claim, quantity, "q =", _law_cells(law, "r_inf"))
    verdict = question.answer(q, settings.widened(q) > 0, settings)
    return replace(verdict, words=verdict.words + _of_the_fall(evidence))


def _of_the_fall(evidence: Evidence) -> str:
    """The slope of ln r_inf and its terms by recipe and U, and the slopes of ln r after four passes."""
    words, shares = "", evidence.shares
    plain, tuned = (shares.filter(recipe=recipe).drop("recipe") for recipe in ("plain", "tuned"))
    if plain.equals(tuned):  # one recipe was tried
        shares = shares.filter(recipe="plain")
    for row in shares.iter_rows(named=True):
        terms = f"extraction {estimate(row, 'extraction', 2)}, own least loss {estimate(row, 'own_least', 2)}"
        whole = f"d ln r_inf / d ln N {estimate(row, 'total', 2)}"
        words += f"; {row['recipe']} at {count(row['U'])}: {whole} = {terms}"
    after = evidence.fixed_passes.filter(recipe="plain", k=_FEW_PASSES)
    if len(after):
        slopes = ", ".join(
            f"{estimate(row, 'slope', 2)} at {count(row['U'])}" for row in after.iter_rows(named=True)
        )
        words += f"; after {_FEW_PASSES:g} passes d ln r / d ln N is {slopes}"
    return words


CLAIMS: tuple[Callable[[Evidence], Verdict], ...] = (fewer_passes, one_pass, vanishing_gap, falling_reuse)
"""The claims in the order of their numbers."""
