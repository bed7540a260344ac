"""Kaplan's and Hoffmann's claims once more, each by a study of its own on speeches (docs/results.md)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from results_chinchilla import ENVELOPE, KAPLAN_A, allocation, of_approaches
from results_kaplan import KAPLAN, critical_words, exponent, own_critical
from results_reasons import WHY
from results_rows import RESULTS, Row, Table, command_of, fitted, of_fit, shown, span
from results_tables import OPEN, judge

from quarry import allocate
from quarry.analysis.allocation.isoflop import IsoFlop
from quarry.analysis.allocation.methods import Allocation
from quarry.analysis.fitting.intervals import Interval
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import APPROACHES, TRENDS
from quarry.errors import FitError
from quarry.experiments.chinchilla_isoflop import CPU
from quarry.text import number

SIZES = Table(RESULTS / "kaplan_n/points.parquet")
DATA = Table(RESULTS / "kaplan_d/points.parquet")
COMPUTE = Table(RESULTS / "kaplan_compute/points.parquet", exclude=("E<1e5",), mid_schedule=True)
"""Without the 100 steps of warm-up, as in the paper's fits."""
SWEPT = "loss>2.35"
"""Above the losses at which the study `kaplan_batch` measured B_crit."""
UNTIL = CPU.budgets[:6]
"""Budgets at which most sizes were still read along the way, to 2.6e11 FLOPs."""

Estimate = tuple[float, Interval]
Critical = tuple[tuple[str, float], ...]


def rows() -> list[Row]:
    return [
        of_size(),
        of_data(),
        *of_compute(),
        of_optimum(),
        of_steps(),
        of_envelope(),
    ]


def weighed(row: Row, judged: Callable[[Interval], str], others: Mapping[str, Callable[[], Estimate]]) -> Row:
    """The row with what other admissible choices give; its verdict stands only if each gives it too."""
    verdicts, said = {row.verdict}, []
    for name, estimate in others.items():
        try:
            value, ends = estimate()
        except FitError:
            verdicts.add(OPEN)
            said.append(f"{name} refused")
            continue
        verdicts.add(judged(ends))
        said.append(f"{name} {shown(value, ends)}")
    verdict = row.verdict if len(verdicts) == 1 else OPEN
    return replace(row, verdict=verdict, why="; ".join([row.why, *said]))


def by_law(row: Row, law: str, name: str, tables: Mapping[str, Table], critical: Critical = ()) -> Row:
    """`weighed` over other tables of the same law."""
    published = PUBLISHED["kaplan-c-min" if critical else law].params[name]
    others = {
        words: lambda table=table: of_fit(name, fitted(table, law, critical=critical))
        for words, table in tables.items()
    }
    return weighed(row, lambda ends: judge(ends, published), others)


def of_size() -> Row:
    """L(N) after four passes over eight million bytes."""
    published, found = PUBLISHED["kaplan-n"].params["alpha_N"], fitted(SIZES, "kaplan-n")
    claim, command = "L ~ N^-alpha_N, speeches, four passes", command_of(SIZES, "kaplan-n")
    row = exponent(f"{KAPLAN}, eq. 1.1", claim, "alpha_N", found, published, WHY["kaplan_n"], command)
    fewer = {"without N < 4 thousand": "N<4000", "with two heads and more": "N<2e4"}
    tables = {words: SIZES.but(exclude=(condition,)) for words, condition in fewer.items()}
    return by_law(row, "kaplan-n", "alpha_N", tables)


def of_data() -> Row:
    """L(D) of 222 thousand parameters, at the best of the passes run."""
    published, found = PUBLISHED["kaplan-d"].params["alpha_D"], fitted(DATA, "kaplan-d")
    claim, command = "L ~ D^-alpha_D, speeches, best of up to 32 passes", command_of(DATA, "kaplan-d")
    row = exponent(f"{KAPLAN}, eq. 1.2", claim, "alpha_D", found, published, WHY["kaplan_d"], command)
    tables = {f"without D < {words}": DATA.but(exclude=(f"U<{least}",)) for words, least in LEAST.items()}
    return by_law(row, "kaplan-d", "alpha_D", tables)


LEAST = {"20 thousand": "2e4", "100 thousand": "1e5"}
"""The least D: half a speech, and two."""


def of_compute() -> list[Row]:
    """L(C) at one batch, and L(C_min) of the same runs."""
    return [
        _of_compute("3.3", "C", "kaplan-c", WHY["kaplan_compute"]),
        _of_compute("1.3", "C_min", "kaplan-c-min", WHY["kaplan_compute, C_min"], own_critical()),
    ]


def _of_compute(number: str, x: str, law: str, why: str, critical: Critical = ()) -> Row:
    found, words = fitted(COMPUTE, "kaplan-c", critical=critical), [critical_words()] * bool(critical)
    claim, command = f"L ~ {x}^-alpha, speeches, one schedule", command_of(COMPUTE, "kaplan-c", *words)
    theirs = PUBLISHED[law].params["alpha_C"]
    row = exponent(f"{KAPLAN}, eq. {number}", claim, "alpha_C", found, theirs, why, command)
    tables = {"at losses below 2.35": COMPUTE.but(exclude=(*COMPUTE.exclude, SWEPT))}
    return by_law(row, "kaplan-c", "alpha_C", tables, critical)


@cache
def optima(budgets: tuple[float, ...] = CPU.budgets, *, moved: bool = True) -> Allocation:
    """N_opt and E_opt of C_min, or of C: the losses along each run, read at the ladder's budgets."""
    critical = dict(own_critical()) if moved else None
    return allocate(COMPUTE.points(), [CPU.budgets[-1]], read_at=budgets, critical=critical)


def of_optimum() -> Row:
    """N_opt ~ C_min^0.73."""
    value, ends = optima().a
    where, claim = f"{KAPLAN}, Table 6", "N_opt ~ C_min^a, speeches, one schedule"
    said, why = shown(value, ends), WHY["C_min: a"]
    row = Row(where, claim, number(KAPLAN_A, 3), said, _reach(), _of_a(ends), why, _words())
    others = {
        f"at budgets to {UNTIL[-1]:.2g}": lambda: optima(UNTIL).a,
        "of C itself there": lambda: optima(UNTIL, moved=False).a,
    }
    return weighed(row, _of_a, others)


def _of_a(ends: Interval) -> str:
    return judge(ends, KAPLAN_A, rivals=(APPROACHES["isoflop"].a, 0.0))


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
    """Approach 1 along each run, as the paper reads it, and by other counts and points."""
    [row] = of_approaches(ENVELOPE, ("envelope",))
    tables = {
        "by the ends of runs": ENVELOPE.but(mid_schedule=False),
        "with the head counted": ENVELOPE.but(count="n_nonembedding+n_head"),
        "all parameters counted, as theirs,": ENVELOPE.but(count="n_params"),
    }
    others = {words: lambda table=table: allocation(table, "envelope").a for words, table in tables.items()}
    published = APPROACHES["envelope"].a
    return weighed(row, lambda ends: judge(ends, published, rivals=(KAPLAN_A, 0.0)), others)
