"""Kaplan's and Hoffmann's claims once more, each by a study of its own on speeches (docs/results.md)."""

from dataclasses import replace
from functools import cache

from results_chinchilla import ENVELOPE, KAPLAN_A, allocation, of_approaches
from results_kaplan import KAPLAN, critical_words, exponent, own_critical
from results_reasons import WHY
from results_rows import RESULTS, Row, Table, command_of, fitted, shown, span
from results_tables import OPEN, judge

from quarry import allocate
from quarry.analysis.allocation.isoflop import IsoFlop
from quarry.analysis.allocation.methods import Allocation
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import APPROACHES, TRENDS
from quarry.experiments.chinchilla_isoflop import CPU
from quarry.text import number

SIZES = Table(RESULTS / "kaplan_n/points.parquet")
DATA = Table(RESULTS / "kaplan_d/points.parquet")
COMPUTE = Table(RESULTS / "kaplan_compute/points.parquet", mid_schedule=True)


def rows() -> list[Row]:
    return [
        of_size(),
        of_data(),
        *of_compute(),
        of_optimum(),
        of_steps(),
        of_envelope(),
    ]


def of_size() -> Row:
    """L(N) after four passes over eight million bytes."""
    published, found = PUBLISHED["kaplan-n"].params["alpha_N"], fitted(SIZES, "kaplan-n")
    claim, command = "L ~ N^-alpha_N, speeches, near convergence", command_of(SIZES, "kaplan-n")
    return exponent(f"{KAPLAN}, eq. 1.1", claim, "alpha_N", found, published, WHY["kaplan_n"], command)


def of_data() -> Row:
    """L(D) of 222 thousand parameters, stopped early."""
    published, found = PUBLISHED["kaplan-d"].params["alpha_D"], fitted(DATA, "kaplan-d")
    claim, command = "L ~ D^-alpha_D, speeches, stopped early, eight D", command_of(DATA, "kaplan-d")
    return exponent(f"{KAPLAN}, eq. 1.2", claim, "alpha_D", found, published, WHY["kaplan_d"], command)


def of_compute() -> list[Row]:
    """L(C) at one batch, and L(C_min) of the same runs."""
    plain, moved = fitted(COMPUTE, "kaplan-c"), fitted(COMPUTE, "kaplan-c", critical=own_critical())
    commands = command_of(COMPUTE, "kaplan-c"), command_of(COMPUTE, "kaplan-c", critical_words())
    theirs = [PUBLISHED[name].params["alpha_C"] for name in ("kaplan-c", "kaplan-c-min")]
    claims = [f"L ~ {name}^-alpha, speeches, one schedule" for name in ("C", "C_min")]
    where = [f"{KAPLAN}, eq. {number}" for number in ("3.3", "1.3")]
    return [
        exponent(where[each], claims[each], "alpha_C", found, theirs[each], WHY[why], commands[each])
        for each, (found, why) in enumerate(((plain, "kaplan_compute"), (moved, "kaplan_compute, C_min")))
    ]


@cache
def optima() -> Allocation:
    """N_opt and E_opt of C_min: the losses along each run, read at the ladder's budgets."""
    critical = dict(own_critical())
    return allocate(COMPUTE.points(), [CPU.budgets[-1]], read_at=CPU.budgets, critical=critical)


def of_optimum() -> Row:
    """N_opt ~ C_min^0.73."""
    value, ends = optima().a
    verdict = judge(ends, KAPLAN_A, rivals=(APPROACHES["isoflop"].a, 0.0))
    where, claim = f"{KAPLAN}, Table 6", "N_opt ~ C_min^a, speeches, one schedule"
    said, why = shown(value, ends), WHY["C_min: a"]
    return Row(where, claim, number(KAPLAN_A, 3), said, _reach(), verdict, why, _words())


def of_steps() -> Row:
    """S_min ~ C_min^0.03: what N_opt and the critical batch leave of the budget."""
    moved, critical = fitted(COMPUTE, "kaplan-c", critical=own_critical()), dict(own_critical())
    value = 1 - optima().a[0] - moved.params["alpha_C"] / critical["alpha_B"]
    published, said = TRENDS["kaplan-s-min"].exponent, shown(value, (None, None))
    where, claim = f"{KAPLAN}, Table 6", "S_min ~ C_min^p, p = 1 - a - alpha / alpha_B"
    return Row(where, claim, number(published, 3), said, _reach(), OPEN, WHY["C_min: S_min"], _words())


def _reach() -> str:
    found = optima().found
    assert isinstance(found, IsoFlop)
    return f"{span(found.budgets, ('C',))} in {len(found.budgets)} budgets, {len(found.refused)} refused"


def _words() -> str:
    budgets = " ".join(f"{each:g}" for each in CPU.budgets)
    command = f"quarry allocate {COMPUTE.words()} --method isoflop --flops {CPU.budgets[-1]:g}"
    return f"{command} --read-at {budgets} {critical_words()}"


def of_envelope() -> Row:
    """Approach 1 as the paper reads it, along each run; and what the ends of the runs alone say."""
    [row] = of_approaches(ENVELOPE, ("envelope",))
    ends = allocation(ENVELOPE.but(mid_schedule=False), "envelope").a
    return replace(row, why=f"{row.why}; by the ends of runs alone {shown(*ends)}")
