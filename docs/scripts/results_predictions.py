"""Each law fitted without the largest sizes or budgets, and what it predicted of them (docs/results.md)."""

from dataclasses import dataclass

import polars as pl
from results_chinchilla import ENVELOPE, LADDER, allocate_words
from results_kaplan import EPOCHS, FRESH, QUICKSTART, REPEATED, critical_words, own_critical
from results_kaplan_nd import GRID
from results_rows import RESULTS, Table, command_of, fitted
from results_studies import COMPUTE, DATA, SIZES

from quarry import fit_isoflop
from quarry.experiments.chinchilla_isoflop import CPU
from quarry.text import count, number

LARGEST = "N>3e5"
TEXTS_LONGER = Table(RESULTS / "kaplan_transfer/longer/points.parquet")
WIDTHS = Table(RESULTS / "geometry/points.parquet")
KINDS = Table(RESULTS / "henighan/points.parquet")
TOP = f"C>{0.9 * CPU.budgets[-1]:.2g}"


@dataclass(frozen=True)
class Held:
    """A law, its table, and the condition of the points that it is not fitted to."""

    text: str
    table: Table
    law: str
    condition: str
    critical: bool = False
    bootstrap: int = 300


HELD = (
    Held("speeches, demo", QUICKSTART, "power-offset", "N>3e5"),
    Held("novels, fresh", FRESH, "kaplan-n", LARGEST),
    Held("novels, fresh", FRESH, "kaplan-ns", LARGEST, critical=True),
    Held("novels, fresh", FRESH, "chinchilla", LARGEST),
    Held("novels, fresh", FRESH, "skaling", LARGEST),
    Held("novels, repeated", REPEATED, "kaplan-nd", LARGEST),
    Held("novels, all", EPOCHS.but(best_recipe=True), "data-constrained", LARGEST, bootstrap=100),
    Held("speeches, four passes", SIZES, "kaplan-n", "N>9e4"),
    Held("speeches, eight D", DATA, "kaplan-d", "U>1e6"),
    Held("speeches, Kaplan's protocol", GRID, "kaplan-nd", "N>2e5"),
    Held("speeches, one schedule", COMPUTE, "kaplan-c", "C>5e12"),
    Held("novels, other texts", TEXTS_LONGER, "kaplan-n", LARGEST),
    Held("speeches, widths", WIDTHS, "power-offset", LARGEST),
    Held("speeches, four schedules", ENVELOPE.but(mid_schedule=False), "chinchilla", "N>2e5"),
    Held("speeches, ladder", LADDER, "chinchilla", "N>2e5"),
    Held("speeches, ladder", LADDER, "skaling", "N>2e5"),
    Held("speeches, ladder", LADDER, "chinchilla", TOP),
    Held("speeches, ladder", LADDER, "skaling", TOP),
    Held("speeches, ladder", LADDER, "kaplan-c", TOP),
    *(
        Held(f"{text}, Henighan's ladder", KINDS.but(exclude=(f"corpus!={corpus!r}",)), "chinchilla", "N>1e5")
        for text, corpus in (
            ("speeches", "sotu"),
            ("Python", "stdlib"),
            ("proofs", "metamath"),
            ("problems", "reasoning"),
            ("pixels of 16x16", "fashion?size=16"),
        )
    ),
)


def predicted(held: Held) -> dict[str, str]:
    """The row of a law: mean and largest error of the losses held out, the half-width of their 95% band."""
    critical = own_critical() if held.critical else ()
    found = fitted(held.table, held.law, (held.condition,), critical=critical, bootstrap=held.bootstrap)
    _, rest = held.table.points(held.law).hold_out((held.condition,))
    rows = found.predictions(rest)
    error, half = rows["error"], ((rows["high"] - rows["low"]) / 2 / rows["predicted"])
    inside = rows.filter(pl.col("loss").is_between(pl.col("low"), pl.col("high")))
    bounded = "factor" in rows.columns
    beyond = f", up to {number(float(rows['factor'].max()), 2)} times beyond" if bounded else ""  # type: ignore[arg-type]
    more = [critical_words()] * held.critical + [
        f'--hold-out "{held.condition}"',
        f"--bootstrap {held.bootstrap}",
    ]
    return {
        "text": held.text,
        "law": held.law,
        "held out": f"{held.condition}: {len(rows)} {'loss' if len(rows) == 1 else 'losses'}{beyond}",
        "mean error": f"{error.mean():+.1%}",
        "largest error": f"{error[error.abs().arg_max()]:+.1%}",  # type: ignore[index]
        "band": f"± {half.mean():.1%}" if bounded else "open: too few runs",
        "inside": f"{len(inside)} of {len(rows)}" if bounded else "–",
        "command": command_of(held.table, held.law, *more),
    }


def optimum(table: Table = LADDER) -> dict[str, str]:
    """N_opt at the largest budget with a minimum, by the line through the others, beside the measured one."""
    points = table.points()
    whole = fit_isoflop(points)
    top = whole.budgets.row(-1, named=True)
    below, _ = points.hold_out((f"C>{0.9 * top['C']:.3g}",))
    line = fit_isoflop(below).trend
    value, (low, high) = line.n(top["C"])
    inside = low is not None and high is not None and low <= top["N"] <= high
    return {
        "text": "speeches, ladder",
        "law": "line through isoFLOP minima",
        "held out": f"C>{0.9 * top['C']:.3g}: N_opt, {count(top['N'])} measured, {count(value)} predicted",
        "mean error": f"{value / top['N'] - 1:+.0%}",
        "largest error": "–",
        "band": f"{count(low)} to {count(high)}",
        "inside": f"{int(inside)} of 1",
        "command": allocate_words(table.but(exclude=(f"C>{0.9 * top['C']:.3g}",)), "isoflop"),
    }


def rows() -> list[dict[str, str]]:
    return [*map(predicted, HELD), optimum()]
