"""Kaplan 2020 and what was said of it (docs/results.md): laws of size, data, compute and batch."""

import polars as pl
from results_reasons import WHY
from results_rows import (
    AGREES,
    DIFFERS,
    OPEN,
    RESULTS,
    ROOT,
    Row,
    Table,
    command_of,
    fitted,
    judge,
    of_fit,
    shown,
    span,
)

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
BATCHES = Table(RESULTS / "batches/points.parquet")
KAPLAN = "Kaplan 2020"


def own_critical() -> tuple[tuple[str, float], ...]:
    """B_star and alpha_B of the study `batches`, to three digits."""
    found = fitted(BATCHES, "critical-batch")
    return tuple((name, float(f"{value:.3g}")) for name, value in found.params.items())


def critical_words() -> str:
    return " ".join(f"--critical {name}={value:g}" for name, value in own_critical())


def exponent(where: str, claim: str, name: str, found: Fit, published: float, why: str, command: str) -> Row:
    """A row of one parameter of a fit beside the published value."""
    value, ends = of_fit(name, found)
    verdict = judge(ends, published)
    reach = span(found.points, tuple(dict.fromkeys((*found.law.inputs, "C"))))
    return Row(where, claim, number(published, 3), shown(value, ends), reach, verdict, why, command)


def of_size() -> list[Row]:
    """L(N) at equal tokens, on two texts, as a pure power and with an offset."""
    published = PUBLISHED["kaplan-n"].params["alpha_N"]
    where, claim = f"{KAPLAN}, eq. 1.1", "L ~ N^-alpha_N"
    rows = []
    for table, text in ((FRESH, "novels, 17 million bytes"), (QUICKSTART, "speeches, 896 thousand bytes")):
        found, why = fitted(table, "kaplan-n"), WHY[f"kaplan-n, {text}"]
        rows.append(
            exponent(
                where, f"{claim}, {text}", "alpha_N", found, published, why, command_of(table, "kaplan-n")
            )
        )
    return rows


def of_data() -> list[Row]:
    """L(D) of one size, stopped early; L(N, D) with its two exponents and their ratio."""
    alone, both = fitted(REPEATED, "kaplan-d"), fitted(REPEATED, "kaplan-nd")
    table_2 = PUBLISHED["kaplan-nd"].params
    ratio = TRENDS["kaplan-no-overfitting"].exponent
    command = command_of(REPEATED, "kaplan-nd")
    return [
        exponent(
            f"{KAPLAN}, eq. 1.2",
            "L ~ D^-alpha_D, stopped early",
            "alpha_D",
            alone,
            PUBLISHED["kaplan-d"].params["alpha_D"],
            WHY["kaplan-d"],
            command_of(REPEATED, "kaplan-d"),
        ),
        exponent(
            f"{KAPLAN}, Table 2",
            "L(N, D): alpha_N",
            "alpha_N",
            both,
            table_2["alpha_N"],
            WHY["kaplan-nd N"],
            command,
        ),
        exponent(
            f"{KAPLAN}, Table 2",
            "L(N, D): alpha_D",
            "alpha_D",
            both,
            table_2["alpha_D"],
            WHY["kaplan-nd D"],
            command,
        ),
        exponent(
            f"{KAPLAN}, eq. 4.4",
            "data against overfitting grow as N^0.74",
            "data_exponent",
            both,
            ratio,
            WHY["ratio"],
            command,
        ),
    ]


def of_compute() -> list[Row]:
    """L(C) at one batch; L(N, S_min) with the critical batch of our own sweep."""
    frontier, steps = fitted(FRESH, "kaplan-c"), fitted(FRESH, "kaplan-ns", critical=own_critical())
    table_3 = PUBLISHED["kaplan-ns"].params
    command = command_of(FRESH, "kaplan-ns", critical_words())
    share = table_3["alpha_N"] / table_3["alpha_S"]
    return [
        exponent(
            f"{KAPLAN}, eq. 3.3",
            "L ~ C^-alpha_C, one batch",
            "alpha_C",
            frontier,
            PUBLISHED["kaplan-c"].params["alpha_C"],
            WHY["kaplan-c"],
            command_of(FRESH, "kaplan-c"),
        ),
        exponent(
            f"{KAPLAN}, Table 3",
            "L(N, S_min): alpha_N",
            "alpha_N",
            steps,
            table_3["alpha_N"],
            WHY["kaplan-ns N"],
            command,
        ),
        exponent(
            f"{KAPLAN}, Table 3",
            "L(N, S_min): alpha_S",
            "alpha_S",
            steps,
            table_3["alpha_S"],
            WHY["kaplan-ns S"],
            command,
        ),
        exponent(
            f"{KAPLAN}, eq. B.5",
            "stop alpha_N / alpha_S above the converged loss",
            "f",
            steps,
            share,
            WHY["f"],
            command,
        ),
    ]


def of_batch() -> list[Row]:
    """B_crit(L) of the sweep of batches; the noise scale beside it."""
    found = fitted(BATCHES, "critical-batch")
    published = PUBLISHED["critical-batch"].params["alpha_B"]
    rows = [
        exponent(
            f"{KAPLAN}, eq. 1.4",
            "B_crit ~ L^(-1/alpha_B)",
            "alpha_B",
            found,
            published,
            WHY["alpha_B"],
            command_of(BATCHES, "critical-batch"),
        )
    ]
    measured = pl.read_csv(ROOT / RESULTS / "instruments/critical_batch.csv").drop_nulls(
        ["B_crit_low", "B_noise_low"]
    )
    below = measured.filter(pl.col("loss") < 2.7).sort("N", "loss")
    meets = below.filter(
        (pl.col("B_noise_low") <= pl.col("B_crit_high")) & (pl.col("B_crit_low") <= pl.col("B_noise_high"))
    )
    ratio = (below["B_noise"] / below["B_crit"]).to_list()
    said = f"noise scale / B_crit {min(ratio):.2f} to {max(ratio):.2f} at {len(below)} losses below 2.7 nats"
    verdict = AGREES if len(meets) == len(below) else DIFFERS
    return [
        *rows,
        Row(
            "McCandlish 2018, section 2.2",
            "the noise scale predicts the critical batch",
            "order of magnitude",
            said,
            "N 0.6",
            verdict,
            WHY["noise"],
            "quarry critical-batch runs/instruments (experiments/instruments/batch.py)",
        ),
    ]


def of_other_texts() -> list[Row]:
    """The offset on other texts and the loss by position, from the tables of the instruments."""
    texts = pl.read_csv(ROOT / RESULTS / "instruments/texts.csv").filter(text="speeches").row(0, named=True)
    ends = texts["per_decade_low"], texts["per_decade_high"]
    said = f"{shown(texts['per_decade'], ends)} nats for each tenfold N; offset {texts['offset']:.3f}"
    verdict = AGREES if ends[0] <= 0 <= ends[1] else DIFFERS
    context = pl.read_csv(ROOT / RESULTS / "instruments/context.csv")
    bounded = context.drop_nulls(["c_low", "c_high"])
    of_c = "open in " + f"{len(context) - len(bounded)} of {len(context)} runs"
    legend = [PUBLISHED[f"kaplan-context-{size}"].params["c"] for size in range(1, 7)]
    return [
        Row(
            f"{KAPLAN}, Fig. 8",
            "another text: a constant offset",
            "0 with N",
            said,
            "N 1.8",
            verdict,
            WHY["offset"],
            "quarry texts runs/instruments (experiments/instruments/texts.py)",
        ),
        Row(
            f"{KAPLAN}, Fig. 20",
            "loss at position T: a + b T^-c",
            f"c {min(legend):.2f} to {max(legend):.2f}",
            of_c,
            "N 1.8, T 2.1",
            OPEN,
            WHY["context"],
            "quarry context runs/instruments",
        ),
    ]


def of_crossing() -> list[Row]:
    """Where L(C) meets L(D), each carried on alone."""
    from quarry import find_crossing

    found = find_crossing(EPOCHS.but(best_recipe=True).points(), bootstrap=500)
    return [_crossing(found)]


def _crossing(found) -> Row:
    value = found.crossing.flops if found.crossing else None
    said = "no crossing" if value is None else f"{number(value / PF_DAY, 2)} PF-days"
    words = "quarry crossing " + EPOCHS.but(best_recipe=True).words()
    return Row(
        f"{KAPLAN}, section 6.3",
        "L(C) meets L(D)",
        "1e4 PF-days",
        said,
        "C 4.8, U 2.4",
        DIFFERS,
        WHY["crossing"],
        words,
    )


def rows() -> list[Row]:
    return [
        *of_size(),
        *of_data(),
        *of_compute(),
        *of_batch(),
        *of_other_texts(),
        *of_crossing(),
    ]
