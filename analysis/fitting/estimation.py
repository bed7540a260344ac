"""From points and a law to a fit: search, intervals, diagnostics, warnings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.fitting.bootstrap import draw_refits
from quarry.analysis.fitting.clustering import clustering_warnings
from quarry.analysis.fitting.correlation import confounded
from quarry.analysis.fitting.diagnostics import diagnose
from quarry.analysis.fitting.doubts import doubts
from quarry.analysis.fitting.fit_intervals import FitIntervals
from quarry.analysis.fitting.intervals import OPEN, Interval
from quarry.analysis.fitting.prediction.rolling_origin import look_beyond
from quarry.analysis.fitting.result import Fit
from quarry.analysis.fitting.search import MOST_STARTS, Data, Minima
from quarry.analysis.fitting.settings import FitSettings, IntervalKind, Resampling
from quarry.analysis.fitting.warnings import law_warnings, unbounded_warnings
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.selection import FRONTIER, frontier_points, points_for_law, select_points
from quarry.text import plural

if TYPE_CHECKING:
    from quarry.analysis.fitting.objective import Residuals
    from quarry.analysis.laws.law import Law
    from quarry.analysis.points.table import Points


def fit(
    points: PointsLike,
    law: "str | Law",
    *,
    x: str = "N",
    terms: tuple[str, ...] | None = None,
    freeze: Mapping[str, float] | None = None,
    objective: "Residuals" = "huber",
    huber_delta: float | None = None,
    noise: str | None = None,
    above: float = 1.0,
    critical: Mapping[str, float] | None = None,
    bootstrap: int = 1000,
    resampling: Resampling = "run",
    interval: IntervalKind = "percentile",
    seed: int = 0,
    level: float = 0.95,
) -> Fit:
    """Fit a law to scale points, by default robustly on log loss, with bootstrap intervals by run.

    Args:
        points: A table with the law's inputs and its response (a loss in nats per token). Without a column
            `run` every row is its own run.
        law: The law or its name, as in `quarry.LAWS`.
        x: The variable of `power-offset` and `broken-power`.
        terms: The terms of `epochs` beside Chinchilla's.
        freeze: Parameters fixed at published or other values, by name.
        objective: Huber terms of log loss, squares of log loss, or squares of loss.
        huber_delta: The residual at which Huber terms turn linear; default 0.001, with `noise` 1.345.
        noise: The column with the standard deviation of each loss: residuals and `huber_delta` are then
            counted in units of it.
        above: Relative penalty for losses above the curve (1 = symmetric); less where some runs are badly
            tuned.
        critical: B_star and alpha_B of the critical batch, for `kaplan-ns` (default: Kaplan's, for their
            data); for a law of C, to read C_min, the compute at a batch far below it, in place of C.
        bootstrap: How many draws the intervals are made from; 0 for no intervals.
        resampling: Whether a draw resamples runs, resamples points, or simulates seed noise.
        interval: The percentile interval widened for few runs, or BCa.
        seed: The seed of the draws.
        level: The probability of the intervals.

    Returns:
        The fit: parameters, intervals, predictions, diagnostics and warnings.

    Raises:
        FitError: The points or the settings do not allow the fit.
        LawError: There is no such law, or it does not have such a parameter.

    Examples:
        >>> import polars as pl, quarry
        >>> sizes = [1e5, 2e5, 5e5, 1e6, 2e6, 5e6]
        >>> points = pl.DataFrame({"N": sizes, "loss": [(8.8e13 / n) ** 0.076 for n in sizes]})
        >>> found = quarry.fit(points, "kaplan-n", bootstrap=0)
        >>> round(found.params["alpha_N"], 3)
        0.076
        >>> bool(found.predict({"N": 1e9}) < 2.5)
        True
    """
    settings = FitSettings(
        freeze={name: float(value) for name, value in (freeze or {}).items()},
        objective=objective,
        huber_delta=huber_delta,
        noise=noise,
        above=above,
        critical=critical,
        bootstrap=bootstrap,
        resampling=resampling,
        interval=interval,
        seed=seed,
        level=level,
    )
    return estimate(points, find_law(law, x, terms) if isinstance(law, str) else law, settings)


def estimate(points: PointsLike, law: "Law", settings: FitSettings, most: int = MOST_STARTS) -> Fit:
    """Fit `law` to `points` as `settings` say, from at most so many starts. Raises FitError, LawError."""
    offered = points_for_law(as_points(points, law), law, settings.critical)
    chosen = select_points(offered, law)
    if law.reference is not None and not settings.freeze:
        law = law.reference(_middle(chosen.table, law))
    data = Data.of(chosen.table, law.frozen(settings.freeze), settings.minimised(), settings.noise)
    minima = data.search(most)
    intervals, no_interval = _intervals(data, offered.table, minima, settings)
    best = minima.params[0]
    fitted = Fit(
        law=law,
        params=_params(law, data, best, settings.freeze),
        interval=_parameter_intervals(law, data, intervals, settings.freeze),
        level=settings.level,
        draws=_named_draws(law, intervals, settings.freeze),
        points=chosen.table,
        excluded=chosen.excluded,
        objective=float(minima.objective[0]),
        derived={},
        derived_interval={},
        diagnostics=diagnose(chosen, data, minima, intervals, settings),
        warnings=(),
        data=data,
        minima=minima,
        intervals=intervals,
        outlook=look_beyond(data, minima, settings.seed, settings.level, most) if intervals else None,
        no_interval=no_interval,
    )
    return _with_warnings(_with_derived(fitted), chosen)


def _middle(table: pl.DataFrame, law: "Law") -> dict[str, float]:
    """The geometric mean of each input."""
    return {name: float(np.exp(np.log(values).mean())) for name, values in law_inputs(table, law).items()}


def _intervals(
    data: Data, offered: pl.DataFrame, minima: Minima, settings: FitSettings
) -> tuple[FitIntervals | None, str]:
    """Intervals from refits, or None where they would say nothing; and why resamples cannot make them.

    A law of one input fitted to a single run describes that run: its rows are resampled. There is no interval
    without draws, with no more runs than parameters, where inputs move together, and where more
    resamples than the interval leaves out have fewer distinct points than the law has parameters.
    """
    one_curve = data.n_runs == 1 and len(data.law.inputs) == 1
    units, unit = (data.points, "point") if one_curve else (data.n_runs, "run")
    if settings.bootstrap == 0 or units <= len(data.law.parameters):
        return None, ""
    if confounded(data.input_correlation()):
        return None, ""
    drawn = data if settings.resampling == "noise" else _resampled(data, offered, settings.noise)
    resampling = "point" if one_curve and settings.resampling == "run" else settings.resampling
    draws = draw_refits(drawn, minima, settings.bootstrap, settings.seed, resampling)
    lost, most = float(draws.undetermined.mean()), (1 - settings.level) / 2
    if lost > most:
        return None, (
            f"no bootstrap interval: {lost:.1%} of the resamples of {plural(units, unit)} have fewer "
            f"distinct points than the {len(data.law.parameters)} parameters of {data.law.name}, and an "
            f"interval may leave out {most:.1%} on a side; simulated noise (--resampling noise) and profiles "
            f"(--profile {data.law.parameter_names[-1]}) need no resamples"
        )
    return FitIntervals(drawn, minima.params[0], draws, settings.level, settings.interval), ""


def _resampled(data: Data, offered: pl.DataFrame, noise: str | None) -> Data:
    """The data whose runs are resampled: for a law of the compute frontier all that may lie on it."""
    if data.law.inputs != FRONTIER:
        return data
    return replace(Data.of(offered, data.law, data.objective, noise), choice=frontier_points(offered))


def _params(law: "Law", data: Data, values: np.ndarray, frozen: Mapping[str, float]) -> dict[str, float]:
    """All parameters in the law's order, the frozen ones among them."""
    known = dict(zip(data.law.parameter_names, values.tolist(), strict=True)) | dict(frozen)
    return {name: float(known[name]) for name in law.parameter_names}


def _parameter_intervals(
    law: "Law", data: Data, intervals: FitIntervals | None, frozen: Mapping[str, float]
) -> dict[str, Interval]:
    known: dict[str, Interval] = {name: (value, value) for name, value in frozen.items()}
    for j, name in enumerate(data.law.parameter_names):
        known[name] = intervals.parameter(j) if intervals else OPEN
    return {name: known[name] for name in law.parameter_names}


def _named_draws(
    law: "Law", intervals: FitIntervals | None, frozen: Mapping[str, float]
) -> dict[str, np.ndarray]:
    """The determined draws of each parameter [draws], a frozen one repeated; empty without intervals."""
    if intervals is None:
        return {}
    params = intervals.draws.params[~intervals.draws.undetermined]
    drawn = dict(zip(intervals.data.law.parameter_names, params.T, strict=True))
    drawn |= {name: np.full(len(params), value) for name, value in frozen.items()}
    return {name: drawn[name] for name in law.parameter_names}


def _with_derived(fitted: Fit) -> Fit:
    """With the law's derived quantities; none where the points cannot tell its exponents apart."""
    if fitted.diagnostics.confounded:
        return fitted
    quantities = {derived.name: fitted.quantity(derived.value) for derived in fitted.law.derived}
    return replace(
        fitted,
        derived={name: value for name, (value, _) in quantities.items()},
        derived_interval={name: interval for name, (_, interval) in quantities.items()},
    )


def _with_warnings(fitted: Fit, points: "Points") -> Fit:
    about_law = law_warnings(fitted.law, points, fitted.diagnostics)
    clustered = clustering_warnings(points.table, fitted.data, fitted.minima.params[0])
    unbounded = unbounded_warnings(fitted)
    return replace(fitted, warnings=(*about_law, *clustered, *doubts(fitted), *unbounded))
