"""Kaplan 2020 and what was said of it (docs/results.md): laws of size, data, compute and batch."""

from pathlib import Path

import polars as pl
from results_reasons import WHY
from results_rows import RESULTS, ROOT, Row, Table, command_of, fitted, of_fit, shown, span
from results_tables import AGREES, DIFFERS, OPEN, judge

from quarry import find_crossing
from quarry.analysis.crossing.known_laws import NoCrossing
from quarry.analysis.fitting.result import Fit
from quarry.analysis.laws.published import PF_DAY, PUBLISHED
from quarry.analysis.laws.published_trends import TRENDS
from quarry.text import number

EPOCHS = Table(RESULTS / "epochs/points.parquet")
FRESH = EPOCHS.but(exclude=("U<5e7",))
"""Each text read once: six sizes at nine lengths."""
REPEATED = EPOCHS.but(exclude=("U>5e7",), best_recipe=True)
"""Nested U, up to 32 passes, the best recipe of each."""
QUICKSTART = Table(RESULTS / "quickstart/points.parquet")
BATCHES = Table(RESULTS / "kaplan_batch/points.parquet")
KAPLAN = "Kaplan 2020"
LONGER = RESULTS / "kaplan_transfer/longer"
TRAINED = "quarry sweep kaplan_transfer/longer --workdir runs/kaplan_transfer"
LOW = 2.7
"""Nats per byte below which the noise scale and the sweep are compared."""


def own_critical() -> tuple[tuple[str, float], ...]:
    """B_star and alpha_B of the study `kaplan_batch`, to three digits."""
    found = fitted(BATCHES, "critical-batch")
    return tuple((name, float(f"{value:.3g}")) for name, value in found.params.items())


def critical_words() -> str:
    return " ".join(f"--critical {name}={value:g}" for name, value in own_critical())


def exponent(
    where: str,
    claim: str,
    name: str,
    found: Fit,
    published: float,
    why: str,
    command: str,
    rival: float = 0.0,
) -> Row:
    """A row of one parameter of a fit beside the published value."""
    value, ends = of_fit(name, found)
    verdict = judge(ends, published, rivals=(rival,))
    reach = span(found.points, tuple(dict.fromkeys((*found.law.inputs, "C"))))
    return Row(where, claim, number(published, 3), shown(value, ends), reach, verdict, why, command)


def of_size() -> list[Row]:
    """L(N) at equal tokens, on two texts."""
    published = PUBLISHED["kaplan-n"].params["alpha_N"]
    rows = []
    for table, text in ((FRESH, "novels, 17 million bytes"), (QUICKSTART, "speeches, 403 thousand bytes")):
        found, why = fitted(table, "kaplan-n"), WHY[f"kaplan-n, {text}"]
        claim, command = f"L ~ N^-alpha_N, {text}", command_of(table, "kaplan-n")
        rows.append(exponent(f"{KAPLAN}, eq. 1.1", claim, "alpha_N", found, published, why, command))
    return rows


def of_data() -> list[Row]:
    """L(D) of one size, stopped early; L(N, D) with its two exponents and their ratio."""
    alone, both = fitted(REPEATED, "kaplan-d"), fitted(REPEATED, "kaplan-nd")
    published, of_both = PUBLISHED["kaplan-d"].params["alpha_D"], PUBLISHED["kaplan-nd"].params
    ratio, where = TRENDS["kaplan-no-overfitting"].exponent, f"{KAPLAN}, Table 2"
    by_one, command = command_of(REPEATED, "kaplan-d"), command_of(REPEATED, "kaplan-nd")
    claim, grows = "L ~ D^-alpha_D, stopped early", "data that prevents overfitting grows as N^0.74"
    n, d = of_both["alpha_N"], of_both["alpha_D"]
    return [
        exponent(f"{KAPLAN}, eq. 1.2", claim, "alpha_D", alone, published, WHY["kaplan-d"], by_one),
        exponent(where, "L(N, D): alpha_N", "alpha_N", both, n, WHY["kaplan-nd N"], command),
        exponent(where, "L(N, D): alpha_D", "alpha_D", both, d, WHY["kaplan-nd D"], command),
        exponent(f"{KAPLAN}, eq. 4.4", grows, "data_exponent", both, ratio, WHY["ratio"], command, rival=1.0),
    ]


def of_compute() -> list[Row]:
    """L(C) at one batch; L(N, S_min) with the critical batch of our own sweep."""
    frontier, steps = fitted(FRESH, "kaplan-c"), fitted(FRESH, "kaplan-ns", critical=own_critical())
    published, table_3 = PUBLISHED["kaplan-c"].params["alpha_C"], PUBLISHED["kaplan-ns"].params
    alone, command = command_of(FRESH, "kaplan-c"), command_of(FRESH, "kaplan-ns", critical_words())
    where, n, s = f"{KAPLAN}, Table 3", table_3["alpha_N"], table_3["alpha_S"]
    claim, stop = "L ~ C^-alpha_C, one batch", "stop alpha_N / alpha_S above the converged loss"
    return [
        exponent(f"{KAPLAN}, eq. 3.3", claim, "alpha_C", frontier, published, WHY["kaplan-c"], alone),
        exponent(where, "L(N, S_min): alpha_N", "alpha_N", steps, n, WHY["kaplan-ns N"], command),
        exponent(where, "L(N, S_min): alpha_S", "alpha_S", steps, s, WHY["kaplan-ns S"], command),
        exponent(f"{KAPLAN}, eq. B.5", stop, "f", steps, n / s, WHY["f"], command),
    ]


def of_batch() -> Row:
    """The exponent of B_crit(L), from the sweep of batches."""
    found, published = fitted(BATCHES, "critical-batch"), PUBLISHED["critical-batch"].params["alpha_B"]
    claim, command = "B_crit ~ L^(-1/alpha_B)", command_of(BATCHES, "critical-batch")
    return exponent(f"{KAPLAN}, eq. 1.4", claim, "alpha_B", found, published, WHY["alpha_B"], command)


def of_noise_scale() -> Row:
    """Where the loss is low, the gradient noise scale beside B_crit of a sweep."""
    measured = pl.read_csv(ROOT / RESULTS / "kaplan_batch/noise/critical_batch.csv")
    below = measured.drop_nulls(["B_crit_low", "B_noise_low"]).filter(pl.col("loss") < LOW)
    ratio = below["B_noise"] / below["B_crit"]
    said = f"noise scale / B_crit {ratio.min():.2f} to {ratio.max():.2f} at {len(below)} losses below {LOW}"
    verdict = AGREES if ratio.is_between(0.1, 10).all() else DIFFERS
    where, claim = "McCandlish 2018, section 2.2", "the noise scale predicts the critical batch"
    command = "quarry sweep kaplan_batch/noise; quarry critical-batch runs/noise"
    reach = span(below, ("N",))
    return Row(where, claim, "to an order of magnitude", said, reach, verdict, WHY["noise"], command)


def of_other_texts() -> Row:
    """Whether the offset of the loss on speeches, of models of novels, changes with N."""
    long, short = (speeches(folder) for folder in (LONGER, RESULTS / "kaplan_transfer"))
    ends = [(row["per_decade_low"], row["per_decade_high"]) for row in (long, short)]
    trend, before = (shown(row["per_decade"], each) for row, each in zip((long, short), ends, strict=True))
    said = f"{long['offset']:.3f} nats, and {trend} more for each tenfold N; after 0.3M tokens {before}"
    flat, apart = all(low <= 0 <= high for low, high in ends), ends[0][1] < ends[1][0]
    verdict = OPEN if apart else AGREES if flat else DIFFERS
    where, claim = f"{KAPLAN}, Fig. 8", "another text costs a constant offset"
    command = f"{TRAINED}; quarry texts runs/kaplan_transfer/longer"
    return Row(where, claim, "none with N", said, span(_contexts(), ("N",)), verdict, WHY["offset"], command)


def speeches(folder: Path) -> dict[str, float]:
    """What `quarry texts` says of the loss of models of novels on speeches."""
    table = pl.read_csv(ROOT / folder / "texts.csv")
    return table.row(by_predicate=pl.col("text") == "speeches", named=True)


def of_positions() -> Row:
    """The exponent c of the loss at position T."""
    context = _contexts()
    legend = [PUBLISHED[f"kaplan-context-{size}"].params["c"] for size in range(1, 7)]
    published = f"c = {min(legend):.2f} to {max(legend):.2f}"
    low, high = context["c_low"].min(), context["c_high"].max()
    falling = f"c = {context['c'].max():.2f} to {context['c'].min():.2f} by size"
    said = f"{falling}, all within [{low:.2f}, {high:.2f}]"
    verdict = DIFFERS if low > max(legend) else OPEN
    where, claim = f"{KAPLAN}, Fig. 20", "the loss at position T is a + b T^-c"
    command = f"{TRAINED}; quarry context runs/kaplan_transfer/longer"
    return Row(where, claim, published, said, span(context, ("N",)), verdict, WHY["context"], command)


def _contexts() -> pl.DataFrame:
    return pl.read_csv(ROOT / LONGER / "context.csv")


def of_crossing() -> Row:
    """Where L(C) meets L(D), each carried on alone."""
    table = EPOCHS.but(best_recipe=True)
    found = find_crossing(table.points(), bootstrap=500)
    met = None if isinstance(found.crossing, NoCrossing) else found.crossing.flops
    ends = tuple(None if end is None else end / PF_DAY for end in found.interval)
    said = "no crossing" if met is None else f"{shown(met / PF_DAY, ends, 2)} PF-days (90%)"
    where = f"{KAPLAN}, section 6.3"
    reach = f"{span(found.frontier, ('C',))}, {span(found.floor, ('U',))}"
    command = f"quarry crossing {table.words()} --bootstrap 500"
    return Row(where, "L(C) meets L(D)", "1e4 PF-days", said, reach, DIFFERS, WHY["crossing"], command)


def rows() -> list[Row]:
    return [
        *of_size(),
        *of_data(),
        *of_compute(),
        of_batch(),
        of_noise_scale(),
        of_other_texts(),
        of_positions(),
        of_crossing(),
    ]
