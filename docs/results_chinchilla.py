"""Hoffmann 2022 and its repairs, repeated data, rates that transfer (docs/results.md)."""

import math
from collections.abc import Sequence
from functools import cache

import polars as pl
from results_kaplan import EPOCHS, FRESH, QUICKSTART
from results_reasons import WHY
from results_rows import (
    AGREES,
    DIFFERS,
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

from quarry import allocate
from quarry.analysis.allocation.envelope import Envelope
from quarry.analysis.allocation.isoflop import IsoFlop
from quarry.analysis.allocation.methods import Allocation, Method
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import APPROACHES, TRENDS
from quarry.experiments.chinchilla_isoflop import CPU
from quarry.text import number

LADDER = Table(RESULTS / "chinchilla_isoflop/points.parquet")
KAPLAN_A = TRENDS["kaplan-n-opt"].exponent
NOVELS_BUDGETS = tuple(1e10 * 4.0**power for power in range(6))
TEXTS = {
    QUICKSTART: "speeches, two budgets",
    FRESH: "novels, six sizes",
    LADDER: "speeches, nine sizes and budgets",
}
HOFFMANN = "Hoffmann 2022"


@cache
def allocation(table: Table, method: Method, read_at: tuple[float, ...] = ()) -> Allocation:
    """The compute-optimal N and E by one approach, at the largest budget of the ladder."""
    return allocate(table.points(), [CPU.budgets[-1]], method=method, read_at=read_at)


def allocate_words(table: Table, method: Method, read_at: Sequence[float] = ()) -> str:
    options = ["--read-at " + " ".join(f"{each:g}" for each in read_at)] * bool(read_at)
    return " ".join(
        ["quarry allocate", table.words(), f"--method {method} --flops {CPU.budgets[-1]:g}", *options]
    )


def of_approaches(table: Table, read_at: tuple[float, ...] = ()) -> list[Row]:
    """a by approaches 1 to 3 beside Hoffmann's; an approach that the points do not allow says why."""
    rows = []
    for number_of, (method, theirs) in enumerate(APPROACHES.items(), 1):
        own = read_at if method == "isoflop" else ()
        found = allocation(table, method, own)
        value, ends = found.a
        verdict = judge(ends, theirs.a, rivals=(KAPLAN_A, 0.0))
        rows.append(
            Row(
                f"{HOFFMANN}, approach {number_of}",
                f"N_opt ~ C^a, {TEXTS[table]}",
                _printed(theirs.a, theirs.a_interval),
                shown(value, ends),
                _reach(found),
                verdict,
                WHY[f"{TEXTS[table]}: {method}"],
                allocate_words(table, method, own),
            )
        )
    return rows


def _printed(value: float, ends: tuple[float, float]) -> str:
    return f"{number(value, 3)} (80%: {number(ends[0], 3)}, {number(ends[1], 3)})"


def _reach(found: Allocation) -> str:
    """The span of the optima of C, and of the sizes."""
    if isinstance(found.found, IsoFlop):
        kept, refused = len(found.found.budgets), len(found.found.refused)
        return f"{span(found.found.budgets, ('C',))} in {kept} budgets" + (
            f", {refused} refused" if refused else ""
        )
    if isinstance(found.found, Envelope):
        bounded = found.found.handovers.filter("bounded")
        return f"{span(bounded, ('C',))} in {len(bounded)} handovers"
    return span(found.found.points, ("N", "E", "C"))


def of_surface(table: Table) -> list[Row]:
    """alpha and beta of the fitted surface beside those of the refit of Hoffmann's points."""
    found, theirs = fitted(table, "chinchilla"), PUBLISHED["besiroglu"]
    rows = []
    for name, claim in (("alpha", "L_inf + A/N^alpha + B/E^beta: alpha"), ("beta", "the same: beta")):
        value, ends = of_fit(name, found)
        error = theirs.standard_error[name]
        rows.append(
            Row(
                "Besiroglu 2024",
                f"{claim}, {TEXTS[table].split(',')[0]}",
                f"{number(theirs.params[name], 3)} ± {error:g}",
                shown(value, ends),
                span(found.points),
                judge(ends, theirs.params[name]),
                WHY[f"{TEXTS[table]}: {name}"],
                command_of(table, "chinchilla"),
            )
        )
    return rows


def of_repeats() -> list[Row]:
    """R_D of Muennighoff's law, fitted to all cells of the study of epochs."""
    table = EPOCHS.but(best_recipe=True)
    found, theirs = fitted(table, "data-constrained", bootstrap=300), PUBLISHED["muennighoff"].params
    value, ends = of_fit("R_D", found)
    return [
        Row(
            "Muennighoff 2023, section 5",
            "repeats fade with R_D",
            number(theirs["R_D"], 3),
            shown(value, ends),
            span(found.points, ("N", "U", "E")),
            judge(ends, theirs["R_D"]),
            WHY["R_D"],
            command_of(table, "data-constrained", "--bootstrap 300"),
        )
    ]


def of_rates() -> list[Row]:
    """The best rate of the narrowest and of the widest model, by muP and without."""
    best = pl.read_csv(ROOT / RESULTS / "transfer/best.csv").filter(n_layers=2).sort("d_model")
    rows = []
    for name, source, published, holds in (
        ("mup", "Yang 2022, muP", "0", lambda places: places <= 1),
        ("standard", "Yang 2022, without muP", "3 (rate ~ 1/width)", lambda places: places > 1),
    ):
        own = best.filter(parametrization=name)
        places = math.log2(own["rate"][0] / own["rate"][-1])
        said = f"{number(places, 2)} places, grid of factors of two"
        rows.append(
            Row(
                source,
                "places that the best rate falls from width 16 to 128",
                published,
                said,
                span(own.rename({"n_nonembedding": "N"}), ("N",)),
                AGREES if holds(places) else DIFFERS,
                WHY[name],
                "quarry sweep transfer (docs/training.md)",
            )
        )
    return rows


def rows() -> list[Row]:
    return [
        *of_approaches(QUICKSTART),
        *of_approaches(FRESH, NOVELS_BUDGETS),
        *of_approaches(LADDER),
        *of_surface(FRESH),
        *of_surface(LADDER),
        *of_repeats(),
        *of_rates(),
    ]
