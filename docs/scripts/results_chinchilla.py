"""Hoffmann 2022 and its repairs, repeated data, rates that transfer (docs/results.md)."""

import math
from collections.abc import Callable, Sequence
from functools import cache

import polars as pl
from results_kaplan import EPOCHS, FRESH, QUICKSTART
from results_reasons import WHY
from results_rows import RESULTS, ROOT, Row, Table, command_of, fitted, of_fit, shown, span
from results_tables import AGREES, DIFFERS, OPEN, judge

from quarry import allocate
from quarry.analysis.allocation.envelope import Envelope
from quarry.analysis.allocation.isoflop import IsoFlop
from quarry.analysis.allocation.methods import Allocation, Method
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import APPROACHES, TRENDS
from quarry.errors import FitError
from quarry.experiments.chinchilla_isoflop import CPU
from quarry.text import number

LADDER = Table(RESULTS / "chinchilla_isoflop/points.parquet")
ENVELOPE = Table(RESULTS / "chinchilla_envelope/points.parquet", mid_schedule=True)
KAPLAN_A = TRENDS["kaplan-n-opt"].exponent
_NUMBERED = {method: f"approach {number}" for number, method in enumerate(APPROACHES, 1)}
TEXTS = {
    QUICKSTART: "speeches, three budgets",
    FRESH: "novels, six sizes",
    LADDER: "speeches, ladder",
    ENVELOPE: "speeches, four schedules",
}
HOFFMANN = "Hoffmann 2022"


@cache
def allocation(table: Table, method: Method) -> Allocation:
    """The compute-optimal N and E by one approach, at the largest budget of the ladder."""
    return allocate(table.points(), [CPU.budgets[-1]], method=method)


def allocate_words(table: Table, method: Method) -> str:
    return f"quarry allocate {table.words()} --method {method} --flops {CPU.budgets[-1]:g}"


def of_approaches(table: Table, methods: Sequence[Method] = tuple(APPROACHES)) -> list[Row]:
    """a by approaches 1 to 3 beside Hoffmann's; one that the points do not allow has no number."""
    return [_approach(table, method) for method in methods]


def _approach(table: Table, method: Method) -> Row:
    theirs = APPROACHES[method]
    where, claim = f"{HOFFMANN}, {_NUMBERED[method]}", f"N_opt ~ C^a, {TEXTS[table]}"
    published, why = _printed(theirs.a, theirs.a_interval), WHY[f"{TEXTS[table]}: {method}"]
    command = allocate_words(table, method)
    try:
        found = allocation(table, method)
    except FitError:
        return Row(where, claim, published, "refused", "–", OPEN, why, command)
    value, ends = found.a
    verdict = judge(ends, theirs.a, rivals=(KAPLAN_A, 0.0))
    return Row(where, claim, published, shown(value, ends), _reach(found), verdict, why, command)


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
    return [_of_surface(table, name) for name in ("alpha", "beta")]


def _of_surface(table: Table, name: str) -> Row:
    found, theirs = fitted(table, "chinchilla"), PUBLISHED["besiroglu"]
    claim = f"L_inf + A/N^alpha + B/E^beta: {name}, {TEXTS[table]}"
    published = f"{number(theirs.params[name], 3)} ± {theirs.standard_error[name]:g}"
    value, ends = of_fit(name, found)
    verdict, why = judge(ends, theirs.params[name]), WHY[f"{TEXTS[table]}: {name}"]
    command = command_of(table, "chinchilla")
    return Row(
        "Besiroglu 2024", claim, published, shown(value, ends), span(found.points), verdict, why, command
    )


def of_repeats() -> Row:
    """R_D of Muennighoff's law, fitted to all cells of the study of epochs."""
    table = EPOCHS.but(best_recipe=True)
    found, theirs = fitted(table, "data-constrained", bootstrap=300), PUBLISHED["muennighoff"].params["R_D"]
    value, ends = of_fit("R_D", found)
    reach, command = (
        span(found.points, ("N", "U", "E")),
        command_of(table, "data-constrained", "--bootstrap 300"),
    )
    where, claim = "Muennighoff 2023, section 5", "repeats fade with R_D"
    ours, verdict = shown(value, ends), judge(ends, theirs)
    return Row(where, claim, number(theirs, 3), ours, reach, verdict, WHY["R_D"], command)


def of_rates() -> list[Row]:
    """The best rate of the narrowest and of the widest model, by muP and without."""
    return [
        _of_rate("mup", "Yang 2022, muP", "none", lambda places: places <= 1),
        _of_rate("standard", "Yang 2022, without muP", "it falls; 3 if as 1 / width", lambda down: down > 1),
    ]


def _of_rate(name: str, where: str, published: str, holds: Callable[[float], bool]) -> Row:
    best = pl.read_csv(ROOT / RESULTS / "transfer/best.csv").rename({"n_nonembedding": "N"})
    own = best.filter(parametrization=name, n_layers=2).sort("d_model")
    places = math.log2(own["rate"][0] / own["rate"][-1])
    claim = f"halvings of the best rate from width {own['d_model'][0]} to {own['d_model'][-1]}"
    verdict, command = AGREES if holds(places) else DIFFERS, "quarry sweep transfer  # docs/training.md"
    return Row(where, claim, published, number(places, 2), span(own, ("N",)), verdict, WHY[name], command)


def of_ladder() -> list[Row]:
    """The three approaches and the surface by the ladder, and Kaplan's exponent beside the second."""
    return [*of_approaches(LADDER), _of_kaplan(), *of_surface(LADDER)]


def _of_kaplan() -> Row:
    found = allocation(LADDER, "isoflop")
    value, ends = found.a
    claim, why = f"N_opt ~ C^a, {TEXTS[LADDER]}, isoFLOP", WHY["ladder: kaplan"]
    verdict = judge(ends, KAPLAN_A, rivals=(APPROACHES["isoflop"].a, 0.0))
    command = allocate_words(LADDER, "isoflop")
    return Row(
        "Kaplan 2020, Table 6",
        claim,
        number(KAPLAN_A, 3),
        shown(value, ends),
        _reach(found),
        verdict,
        why,
        command,
    )


def rows() -> list[Row]:
    return [
        *of_approaches(QUICKSTART),
        *of_approaches(FRESH, ("parametric",)),
        *of_surface(FRESH),
        *of_ladder(),
        of_repeats(),
        *of_rates(),
    ]
