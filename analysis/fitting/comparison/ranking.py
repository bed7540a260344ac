"""Laws on the same points, ranked by how well they predict the runs of largest compute without them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.fitting.comparison.cross_validation import left_out_error
from quarry.analysis.fitting.comparison.held_out import (
    BETTER_PROBABILITY,
    FEWEST_RUNS,
    check_draws,
    measure_gap,
    refits_without,
    relative_errors,
)
from quarry.analysis.fitting.comparison.shared_points import named_laws, rows_beyond, shared_points, widest
from quarry.analysis.fitting.estimation import estimate
from quarry.analysis.fitting.settings import FitSettings
from quarry.results import Result

if TYPE_CHECKING:
    from quarry.analysis.fitting.objective import Residuals
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Law
    from quarry.analysis.points.loading import PointsLike

DRAWS = 400
"""Refits of each law without the runs held out."""

_SCHEMA = {
    "law": pl.String,
    "parameters": pl.Int64,
    "objective": pl.Float64,
    "held_out_error": pl.Float64,
    "left_out_error": pl.Float64,
    "misfit_probability": pl.Float64,
}
_PAIRS = {"law": pl.String, "rival": pl.String, "difference": pl.Float64, "probability": pl.Float64}


@dataclass(frozen=True)
class Comparison(Result):
    """Laws fitted to the same points. Errors are means of |predicted / measured - 1|.

    `ranking` has a row for each law, best first: law, parameters (how many are free), objective,
    held_out_error (of the runs beyond `cut`, by a fit without them), left_out_error (of each value of the
    column `by`, likewise) and misfit_probability (of residuals so curved, were the law right); null where it
    cannot be measured. `pairs` has a row for each two laws, law before rival in the ranking: difference (how
    much larger the rival's held-out error is) and probability (that law predicts better than rival, over
    resamples of the runs fitted and of those held out; null if these are too few). `cut` is the largest
    compute fitted, None if none is held out.
    """

    ranking: pl.DataFrame
    pairs: pl.DataFrame
    fits: "dict[str, Fit]"
    cut: float | None
    by: str
    warnings: tuple[str, ...]

    @property
    def headline(self) -> str:
        return f"laws on the same points, {self.ranking['law'][0]} first"

    def table(self) -> pl.DataFrame:
        """The row of each law, best first: `ranking`."""
        return self.ranking


def compare(
    points: "PointsLike",
    laws: "Iterable[str | Law] | Mapping[str, str | Law]",
    *,
    cut: float | None = None,
    by: str = "N",
    objective: "Residuals" = "huber",
    huber_delta: float | None = None,
    noise: str | None = None,
    above: float = 1.0,
    critical: Mapping[str, float] | None = None,
    bootstrap: int = DRAWS,
    seed: int = 0,
) -> Comparison:
    """Fit every law to the points that all can use, and rank them by their held-out extrapolation error.

    Laws that are not nested or differ in parameters compare by these errors, not by the objective.

    Args:
        points: A table with the inputs and the response of every law.
        laws: Names or laws, or laws by the name to show; two or more.
        cut: Runs of more compute (FLOPs) are held out whole; by default the fifth of largest compute.
            Without any, the ranking is by the errors of leaving out each value of `by`.
        by: The column whose values are left out in turn.
        objective: As in `quarry.fit`.
        huber_delta: As in `quarry.fit`.
        noise: As in `quarry.fit`.
        above: As in `quarry.fit`.
        critical: As in `quarry.fit`.
        bootstrap: Refits of each law without the runs held out, at least 100.
        seed: The seed of the resamples.

    Returns:
        The laws with their errors, best first, and how sure the order is.

    Raises:
        FitError: The points or the settings do not allow the comparison.
        LawError: There is no such law.

    Examples:
        >>> import polars as pl, quarry
        >>> sizes = [1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7]
        >>> points = pl.DataFrame({"N": sizes, "loss": [(8.8e13 / n) ** 0.076 for n in sizes]})
        >>> result = quarry.compare(points, ["kaplan-n", "power-offset"], bootstrap=100)
        >>> sorted(result.ranking["law"])
        ['kaplan-n', 'power-offset']
    """
    settings = FitSettings(
        objective=objective,
        huber_delta=huber_delta,
        noise=noise,
        above=above,
        critical=critical,
        bootstrap=0,
        seed=seed,
    )
    return compare_laws(points, laws, settings, cut=cut, by=by, draws=bootstrap)


def compare_laws(
    points: "PointsLike",
    laws: "Iterable[str | Law] | Mapping[str, str | Law]",
    settings: FitSettings,
    *,
    cut: float | None = None,
    by: str = "N",
    draws: int = DRAWS,
) -> Comparison:
    """As `compare`, with the objective, the critical batch and the seed of `settings`."""
    check_draws(draws)
    named = named_laws(laws)
    shared, fewer = shared_points(points, named, settings.critical)
    settings = replace(settings, freeze={}, bootstrap=0)
    fits = {name: estimate(shared, law, settings) for name, law in named.items()}
    out, reached = rows_beyond(fits, cut)
    errors = {name: _held_out_errors(f, out, draws, settings.seed) for name, f in fits.items() if out.any()}
    rows = [_row(name, fitted, errors.get(name), by) for name, fitted in fits.items()]
    table = pl.DataFrame(rows, schema=_SCHEMA).sort("held_out_error", "left_out_error", nulls_last=True)
    pairs = _pairs(table["law"].to_list(), errors, widest(fits).runs[out], settings.seed)
    warnings = (*fewer, *_held_out_warnings(pairs), *_by_warnings(table, by))
    return Comparison(table, pairs, fits, reached, by, warnings)


def _held_out_errors(fitted: "Fit", out: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """|predicted / measured - 1| of the rows `out` [1 + draws, rows]: without them, then by its refits."""
    held = fitted.data.rows(out)
    return np.abs([relative_errors(held, params) for params in refits_without(fitted, out, draws, seed)])


def _row(name: str, fitted: "Fit", errors: np.ndarray | None, by: str) -> dict[str, float | str | None]:
    misfit = fitted.diagnostics.misfit
    return {
        "law": name,
        "parameters": len(fitted.data.law.parameters),
        "objective": fitted.objective,
        "held_out_error": None if errors is None else float(errors[0].mean()),
        "left_out_error": left_out_error(fitted, by),
        "misfit_probability": misfit.probability if misfit else None,
    }


def _pairs(names: list[str], errors: Mapping[str, np.ndarray], runs: np.ndarray, seed: int) -> pl.DataFrame:
    """Every two laws, from their `errors` [1 + draws, rows] on the held-out `runs` [rows]."""
    rows = []
    for law, rival in combinations(names if errors else [], 2):
        gap = measure_gap(errors[rival] - errors[law], runs, seed)
        rows.append((law, rival, gap.difference, gap.probability))
    return pl.DataFrame(rows, schema=_PAIRS, orient="row")


def _held_out_warnings(pairs: pl.DataFrame) -> list[str]:
    """Which laws the held-out runs do not tell from the best."""
    if pairs.is_empty():
        return ["too few points are left without the largest runs to measure an extrapolation error"]
    if pairs["probability"].null_count():
        return [
            f"fewer than {FEWEST_RUNS} runs are held out: whether errors differ by noise alone is not known"
        ]
    best = pairs.filter(pl.col("law") == pairs["law"][0], pl.col("probability") < BETTER_PROBABILITY)
    return [
        f"{law} predicts the held-out runs no better than {rival} within their noise "
        f"(probability {probability:.2f} that it is better)"
        for law, rival, _, probability in best.iter_rows()
    ]


def _by_warnings(table: pl.DataFrame, by: str) -> list[str]:
    missing = table.filter(pl.col("left_out_error").is_null())["law"].to_list()
    return [f"{', '.join(missing)}: too few values of {by} to leave each out"] if missing else []
