"""The exponents and irreducible losses of a ladder: L(N), L(C) and N_opt(C), each by two methods.

`power-offset` is fitted alone, to the largest E that all sizes share or to the compute frontier; `chinchilla`
to all points: its limit of infinite E is L(N), its compute frontier L(C). Each law is fitted once more
without the largest size that it was fitted to (on the compute frontier often not the largest trained) and all
above it, and its band for a new run held against the points of that size.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from quarry.analysis.allocation.envelope import fit_envelope
from quarry.analysis.fitting.doubts import values_needed
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.fitting.warnings import rejection
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.published_trends import OPTIMAL_SIZE
from quarry.errors import FitError

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Values
    from quarry.analysis.modalities.ladders import Ladder

_TEXT = ("corpus", "quantity", "method")
_NUMBERS = (
    *("l_inf", "l_inf_low", "l_inf_high", "reducible", "exponent", "exponent_low", "exponent_high"),
    *("l_inf_without", "exponent_without", "held_out_error", "misfit_probability", "misfit_size"),
    *("henighan_l_inf", "henighan_exponent"),
)
_COUNTS = ("points", "held_out_points", "held_out_inside")
_WORDS = ("intervals", "doubts")
COLUMNS: dict[str, Any] = dict.fromkeys(_TEXT, pl.String) | dict.fromkeys(_NUMBERS, pl.Float64)
COLUMNS |= dict.fromkeys(_COUNTS, pl.Int64) | dict.fromkeys(_WORDS, pl.String)
"""`_without`: by the fit without the largest size. `reducible`: the least loss of the points above L_inf."""

ALONE = {"L(N)": "N", "L(C)": "C"}
"""The laws fitted alone, and their variable."""
SURFACE: "dict[str, Callable[[Values], Any]]" = {
    "L(N)": lambda p: p["alpha"],
    "L(E)": lambda p: p["beta"],
    "L(C)": lambda p: p["alpha"] * p["beta"] / (p["alpha"] + p["beta"]),
    "N_opt(C)": lambda p: p["beta"] / (p["alpha"] + p["beta"]),
}
"""The exponents that follow from `chinchilla`."""


def exponents(ladder: "Ladder", bootstrap: int = 1000) -> pl.DataFrame:
    """A row for each quantity and method, with 95% intervals: COLUMNS.

    A method that the points do not allow has its reason in `doubts` and no numbers.
    """
    rows = [*_alone(ladder, bootstrap), *_of_surface(ladder, bootstrap), _envelope(ladder, bootstrap)]
    rows = sorted(rows, key=lambda row: list(SURFACE).index(row["quantity"]))
    about = [{"corpus": ladder.corpus} | _henighan(ladder.domain, row["quantity"]) | row for row in rows]
    return pl.DataFrame(about, COLUMNS)


def _alone(ladder: "Ladder", bootstrap: int) -> Iterator[dict[str, Any]]:
    for quantity, x in ALONE.items():
        row = {"quantity": quantity, "method": "power-offset"}
        try:
            fits = _fits(ladder.once, bootstrap, "power-offset", x=x)
        except FitError as error:
            yield row | {"doubts": str(error)}
        else:
            yield row | _row_of(*fits, lambda p: p["alpha"])


def _of_surface(ladder: "Ladder", bootstrap: int) -> Iterator[dict[str, Any]]:
    rows = {quantity: {"quantity": quantity, "method": "chinchilla"} for quantity in SURFACE}
    try:
        fits = _fits(ladder.once, bootstrap, "chinchilla")
    except FitError as error:
        yield from (row | {"doubts": str(error)} for row in rows.values())
    else:
        yield from (row | _row_of(*fits, SURFACE[quantity]) for quantity, row in rows.items())


def _envelope(ladder: "Ladder", bootstrap: int) -> dict[str, Any]:
    row = {"quantity": "N_opt(C)", "method": "envelope"}
    try:
        found = fit_envelope(ladder.once, bootstrap=bootstrap)
    except FitError as error:
        return row | {"doubts": str(error)}
    low, high = found.trend.a_interval
    row |= {"exponent": found.trend.a, "exponent_low": low, "exponent_high": high}
    return row | {"points": len(found.handovers), "intervals": "run", "doubts": ""}


def _fits(table: pl.DataFrame, bootstrap: int, law: str, **settings: Any) -> "tuple[Fit, Fit | None]":
    """The law fitted to all sizes, and to those below the largest that it used; None if these are too few.

    The runs are resampled; where they are too few for that, noise is simulated. Raises FitError.
    """
    found = _fit(table, bootstrap, law, **settings)
    smaller = table.filter(pl.col("N") < found.points["N"].max())
    try:
        return found, _fit(smaller, bootstrap, law, **settings)
    except FitError:
        return found, None


def _fit(table: pl.DataFrame, bootstrap: int, law: str, **settings: Any) -> "Fit":
    found = fit(table, law, bootstrap=bootstrap, **settings)
    return (
        fit(table, law, bootstrap=bootstrap, resampling="noise", **settings) if found.no_interval else found
    )


def _row_of(found: "Fit", without: "Fit | None", exponent: "Callable[[Values], Any]") -> dict[str, Any]:
    value, (low, high) = found.quantity(exponent)
    l_inf, misfit = found.params["L_inf"], found.diagnostics.misfit
    row = {"exponent": value, "exponent_low": low, "exponent_high": high, "l_inf": l_inf}
    row |= dict(zip(("l_inf_low", "l_inf_high"), found.interval["L_inf"], strict=True))
    row |= {"reducible": found.points["loss"].to_numpy().min() - l_inf, "points": len(found.points)}
    row |= {"intervals": found.diagnostics.settings.resampling if found.intervals else "none"}
    if misfit is not None:
        row |= {"misfit_probability": misfit.probability, "misfit_size": misfit.size}
    if without is not None:
        row |= _held_out(found, without)
        row |= {"l_inf_without": without.params["L_inf"], "exponent_without": without.quantity(exponent)[0]}
    return row | {"doubts": "; ".join(_doubts(found, row))}


def _held_out(found: "Fit", without: "Fit") -> dict[str, Any]:
    """How the law of the smaller sizes predicts the points of the largest; no `inside` without a band."""
    held = without.predictions(found.points.filter(pl.col("N") == pl.col("N").max()))
    row: dict[str, Any] = {"held_out_points": len(held), "held_out_error": held["error"].abs().mean()}
    if without.outlook is not None:
        row["held_out_inside"] = held["loss"].is_between(held["low"], held["high"]).sum()
    return row


def _doubts(found: "Fit", row: dict[str, Any]) -> Iterator[str]:
    """Why the law or its L_inf is not to be believed, each in a few words."""
    misfit = found.diagnostics.misfit
    if misfit and rejection(found.law.name, found.law.inputs, "loss", misfit):
        yield "rejected"
    for name, values in found.diagnostics.distinct.items():
        if values <= values_needed(found.law, name):
            yield f"{values} values of {name}"
    if row.get("held_out_inside", row.get("held_out_points")) != row.get("held_out_points"):
        yield "largest size outside the band"
    if found.at_limit:
        yield f"{', '.join(found.at_limit)} at a limit"
    if found.intervals is None:
        yield "no interval"
    elif not row["l_inf_low"]:
        yield "L_inf may be 0"
    elif row["l_inf_high"] is None:
        yield "L_inf open above"


def _henighan(domain: str | None, quantity: str) -> dict[str, Any]:
    """The published row: L_inf (null where the paper has none) and the exponent."""
    if domain is None:
        return {}
    if quantity == "N_opt(C)":
        return {"henighan_exponent": OPTIMAL_SIZE[domain].exponent}
    published = PUBLISHED.get(f"henighan-{domain}-{quantity[2].lower()}")
    if published is None:
        return {}
    params = published.params
    return {"henighan_l_inf": params["L_inf"] or None, "henighan_exponent": params["alpha"]}
