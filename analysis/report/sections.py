"""The sections of the page that are fitted: one for each law, and one for the study of epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import altair as alt
import polars as pl
from markupsafe import Markup

from quarry.analysis.epochs.cells import CELL, annealed_rows
from quarry.analysis.epochs.noise import measured_noise
from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.fitting.correlation import confounded, strongest_correlation
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws import formulas as mathml
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.points.selection import points_for_law, shares_fixed_value
from quarry.analysis.report.figures import fits
from quarry.analysis.report.figures.epochs import epochs_charts
from quarry.errors import FitError, LawError, PointsError

if TYPE_CHECKING:
    from quarry.analysis.epochs.result import Epochs
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.laws.law import Law
    from quarry.analysis.points.table import Points
    from quarry.analysis.report.source import Source

LAWS = ("kaplan-n", "power-offset", "chinchilla")
"""The laws that every report fits."""

LAWS_OF_REPEATS = ("data-constrained", "overfit-epochs")
"""The laws added where some run repeats its data."""


@dataclass(frozen=True)
class Section:
    """One law: its fit with charts by id, or the error that says why there is no fit."""

    name: str
    formula: Markup
    source: str
    fit: "Fit | None" = None
    error: str = ""
    charts: Mapping[str, alt.LayerChart] = field(default_factory=dict)


@dataclass(frozen=True)
class Repeats:
    """The study of runs that repeat their data, or the error that says why there is none."""

    found: "Epochs | None" = None
    error: str = ""
    charts: Mapping[str, alt.LayerChart] = field(default_factory=dict)


def law_section(source: "Source", name: str, bootstrap: int, seed: int) -> Section:
    law = find_law(name)
    about = {"name": name, "formula": Markup(mathml.mathml(law.formula)), "source": law.source}
    try:
        _check_not_mixed(points_for_law(source.ended, law), law)
        fitted = fit(source.ended, name, bootstrap=bootstrap, seed=seed)
    except (FitError, LawError, PointsError) as error:
        return Section(**about, error=str(error))
    return Section(**about, fit=fitted, charts=_law_charts(name, fitted))


def _check_not_mixed(points: "Points", law: "Law") -> None:
    """Raise FitError where a law of one variable would mix points that differ in the other.

    Where sizes and tokens rise together, as on one ladder of tokens per parameter, it describes that ladder.
    """
    if shares_fixed_value(points, law):
        return
    places = {name: points.table[name].cast(pl.Float64).to_numpy() for name in ("N", "E")}
    if not confounded(strongest_correlation(places)):
        raise FitError(
            f"{law.name} is of {law.inputs[0]} alone, and no two points share what it holds fixed: sizes and "
            "tokens vary apart, and it would mix them"
        )


def repeats_section(source: "Source", bootstrap: int, seed: int) -> Repeats:
    """The study of epochs; without intervals where no run was repeated with another seed or draw of U."""
    try:
        points = source.every
        noisy = measured_noise(annealed_rows(points), CELL).freedom > 0
        found = study_epochs(points, bootstrap=bootstrap if noisy else 0, seed=seed)
    except (FitError, PointsError) as error:
        return Repeats(error=str(error))
    return Repeats(found, charts={f"epochs-{name}": chart for name, chart in epochs_charts(found).items()})


def _law_charts(name: str, fitted: "Fit") -> dict[str, alt.LayerChart]:
    """The formula stands above the first, whose title need not repeat it."""
    chart = fits.fitted(fitted)
    if chart.title.text == fits.formula_title(fitted):
        chart.title.text = f"{name} and the runs"
    return {name: chart, f"{name}-residuals": fits.residuals(fitted)}
