"""The fit of the laws that apply, as one: their mixture, with their disagreement inside its intervals."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from quarry.analysis.fitting.bootstrap import Draws
from quarry.analysis.fitting.comparison.shared_points import shared_points
from quarry.analysis.fitting.doubts import undetermined_terms
from quarry.analysis.fitting.estimation import estimate
from quarry.analysis.fitting.fit_intervals import FitIntervals
from quarry.analysis.fitting.noise import relative_noise, run_scatter
from quarry.analysis.fitting.outliers import find_outliers
from quarry.analysis.fitting.prediction.backtests import Backtests
from quarry.analysis.fitting.prediction.distance import fitted_ranges
from quarry.analysis.fitting.prediction.outlook import outlook_of
from quarry.analysis.fitting.prediction.prior import prior_of
from quarry.analysis.fitting.result import Fit
from quarry.analysis.fitting.search import Minima
from quarry.analysis.fitting.together.candidates import applicable_laws, without_repeats
from quarry.analysis.fitting.together.stacking import mixed, stack
from quarry.analysis.laws.mixture import COUNTS, floor_name, mix_laws, mixed_params
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.errors import FitError
from quarry.text import plural

if TYPE_CHECKING:
    from quarry.analysis.fitting.diagnostics import Diagnostics
    from quarry.analysis.fitting.search import Data
    from quarry.analysis.fitting.settings import FitSettings
    from quarry.analysis.laws.law import Law
    from quarry.analysis.points.table import Points


# Starts of each law's search, a ninth of a single law's: on every third published ladder, and on the 182 runs
# of repeated data, they found the same minima.
_STARTS = 512


def estimate_together(points: PointsLike, settings: "FitSettings") -> Fit:
    """Fit every law that applies to the points, and weigh them by their backtests.

    The parameters of the fit are those of each law and its weight; a draw of the bootstrap is one law's, as
    often as its weight says. Points that repeat data are left out where they bound no law of that. Raises
    FitError.
    """
    for name, given in (
        ("freeze", ", ".join(settings.freeze)),
        ("bootstrap", "0" * (settings.bootstrap == 0)),
        ("interval", settings.interval.removeprefix("percentile")),
    ):
        if given:
            raise FitError(
                f"{name}={given}: law auto needs the bootstrap's percentile interval, and freezes no "
                "parameter; leave it out, or name one law"
            )
    every = as_points(points)
    try:
        return _together(every, settings)
    except FitError:
        if (fitted := _of_fresh(every, settings)) is None:
            raise
        return fitted


def _of_fresh(points: "Points", settings: "FitSettings") -> Fit | None:
    """The fit without the points that repeat data, which says so; None without such, or if it fails too."""
    fresh = without_repeats(points)
    if fresh is points:
        return None
    try:
        found = _together(fresh, settings)
    except FitError:
        return None
    left_out = plural(len(points.table) - len(fresh.table), "point")
    note = f"{left_out} left out for repeating data (E > U): the points bound no law of repeated data"
    return replace(found, warnings=(note, *found.warnings))


def _together(points: "Points", settings: "FitSettings") -> Fit:
    """The laws that apply to all of the points. Raises FitError where none has an interval."""
    applicable = {law.name: law for law in applicable_laws(points.table)}
    laws, few = _usable(points, applicable, settings.critical)
    fits, warnings = _fits(shared_points(points, laws, settings.critical)[0], laws, settings)
    tests = _shared_cuts([one.outlook.backtests for one in fits.values() if one.outlook])
    noise = min(one.outlook.noise for one in fits.values() if one.outlook)
    prior = prior_of(mix_laws([laws[name] for name in fits]))
    weights = stack(tests, noise, prior.growth, settings.level)
    mixture = _mixture(fits, dict(zip(fits, weights.tolist(), strict=True)), settings)
    scatter = run_scatter(mixture.data, mixture.minima.params[0])
    ranges = fitted_ranges(mixture.data.inputs)
    outlook = outlook_of(mixed(tests, weights), prior, scatter, ranges, settings.level)
    return replace(mixture, outlook=outlook, warnings=(*few, *warnings, *mixture.warnings))


def _usable(
    points: PointsLike, laws: "Mapping[str, Law]", critical: Mapping[str, float] | None
) -> "tuple[dict[str, Law], list[str]]":
    """The laws that have enough points, and why the others have not. Raises FitError where none has."""
    usable, errors = {}, {}
    for name, law in laws.items():
        try:
            shared_points(points, {name: law}, critical)
            usable[name] = law
        except FitError as error:
            errors[name] = error
    if not usable:
        raise next(iter(errors.values()))
    return usable, [f"{name} is left out: {error}" for name, error in errors.items()]


def _fits(
    points: "Points", laws: Mapping[str, "Law"], settings: "FitSettings"
) -> tuple[dict[str, Fit], list[str]]:
    """The fits that have intervals, and why the others have none. Raises FitError where there is none."""

    def fit(law: "Law") -> Fit | str:
        try:
            found = estimate(points, law, settings, _STARTS)
        except FitError as error:
            return str(error)
        if undetermined := undetermined_terms(found.data):
            return "; ".join(undetermined)
        return "these points give it no interval" if found.outlook is None else found

    # Two at a time: while one law compiles, on one core, another is fitted.
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(laws, pool.map(fit, laws.values()), strict=True))
    fits = {name: each for name, each in found.items() if isinstance(each, Fit)}
    refused = [f"{name} is left out: {each}" for name, each in found.items() if isinstance(each, str)]
    if not fits:
        raise FitError("; ".join(refused))
    return fits, refused


def _shared_cuts(tests: Sequence[Backtests | None]) -> list[Backtests]:
    """The backtests at the cuts that every law has, and of the points that every law predicts."""
    known = [one for one in tests if one is not None]
    places = [list(zip(one.cut.tolist(), one.point.tolist(), strict=True)) for one in known]
    shared = set(places[0]).intersection(*places[1:])
    kept = [np.array([place in shared for place in each], bool) for each in places]
    return [one.rows(rows) for one, rows in zip(known, kept, strict=True)]


def _mixture(fits: Mapping[str, Fit], weights: Mapping[str, float], settings: "FitSettings") -> Fit:
    """The fit of the mixture: everything but its outlook."""
    best = fits[max(weights, key=lambda name: weights[name])]
    law = mix_laws([one.law for one in fits.values()])
    params = mixed_params(weights, {name: one.params for name, one in fits.items()})
    draws = _draws(fits, weights, law, settings)
    fitted = round(sum(weights[name] * one.data.fitted for name, one in fits.items()))
    data = replace(best.data, law=law, effective=fitted)
    values = np.array([params[name] for name in law.parameter_names])
    objective = float(data.objective.terms(data.residuals(values)).sum())
    starts = best.minima.starts
    intervals = FitIntervals(data, values, draws, settings.level, settings.interval)
    fixed = {name: (params[name], params[name]) for name in law.parameter_names if name.startswith("weight.")}
    own = {f"{name}.{p}": ends for name, one in fits.items() for p, ends in one.interval.items()}
    floor = intervals.parameter(law.parameter_names.index("L_inf"))
    agreeing, reached = best.minima.agreeing, best.minima.reached
    return replace(
        best,
        law=law,
        params=params,
        interval={name: ({"L_inf": floor} | fixed | own)[name] for name in law.parameter_names},
        draws=dict(zip(law.parameter_names, draws.params.T, strict=True)),
        objective=objective,
        derived={},
        derived_interval={},
        diagnostics=_diagnostics(best, data, values, law, weights),
        warnings=_rejections(fits, weights),
        data=data,
        minima=Minima(values[None, :], np.array([objective]), starts, agreeing, reached),
        intervals=intervals,
        members=fits,
    )


def _draws(
    fits: Mapping[str, Fit], weights: Mapping[str, float], law: "Law", settings: "FitSettings"
) -> Draws:
    """Draws of the mixture, each one law's refit: the others have weight 0 in it."""
    drawn = {name: one.intervals.draws for name, one in fits.items() if one.intervals}
    count, names = settings.bootstrap, list(fits)
    chosen = np.random.default_rng(settings.seed).choice(len(names), count, p=list(weights.values()))
    hot = {name: (chosen == i).astype(float) for i, name in enumerate(names)}
    # Of laws that a draw leaves out the fitted values stand: a limit that one of them ran to says nothing.
    params = {
        name: {
            p: np.where(hot[name] > 0, values, fits[name].params[p])
            for p, values in zip(fits[name].law.parameter_names, d.params.T, strict=True)
        }
        for name, d in drawn.items()
    }
    columns = mixed_params(hot, params)
    below, above = (
        {
            f"{name}.{p}": getattr(d, side)[:, j] & (hot[name] > 0)
            for name, d in drawn.items()
            for j, p in enumerate(fits[name].law.parameter_names)
        }
        for side in ("below", "above")
    )
    none = np.zeros(count, bool)
    for flags in (below, above):  # the floor of a draw is bounded where that of its law is
        flags["L_inf"] = np.any([flags.get(f"{name}.{floor_name(name)}", none) for name in drawn], axis=0)
    first = next(iter(drawn.values()))
    return Draws(
        params=np.stack([columns[name] for name in law.parameter_names], axis=1),
        below=np.stack([below.get(name, none) for name in law.parameter_names], axis=1),
        above=np.stack([above.get(name, none) for name in law.parameter_names], axis=1),
        undetermined=np.any([d.undetermined for d in drawn.values()], axis=0),
        units=first.units,
    )


def _diagnostics(
    best: Fit, data: "Data", values: np.ndarray, law: "Law", weights: Mapping[str, float]
) -> "Diagnostics":
    """Those of the law of most weight, with the residuals of the mixture."""
    frozen = {f"weight.{name}": weight for name, weight in weights.items()}
    others = [
        replace(minimum, params={f"{best.law.name}.{name}": value for name, value in minimum.params.items()})
        for minimum in best.diagnostics.other_minima
    ]
    return replace(
        best.diagnostics,
        law_options=law.options,
        other_minima=tuple(others),
        far=find_outliers(data, values),
        seed_noise=relative_noise(data, values),
        settings=replace(best.diagnostics.settings, freeze=frozen),
    )


def _rejections(fits: Mapping[str, Fit], weights: Mapping[str, float]) -> tuple[str, ...]:
    """The warnings of the laws that count, each once, after its laws where not all of them say it."""
    counted = [name for name in fits if weights[name] >= COUNTS]
    said: dict[str, list[str]] = {}
    for name in counted:
        for warning in dict.fromkeys(fits[name].warnings):
            said.setdefault(warning, []).append(name)
    return tuple(
        warning if len(laws) == len(counted) or laws[0] in warning else f"{', '.join(laws)}: {warning}"
        for warning, laws in said.items()
    )
