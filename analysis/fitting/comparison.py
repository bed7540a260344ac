"""Which law the points support: all on the same points, judged by predictions of runs left out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.fitting import bootstrap as uncertainty
from quarry.analysis.fitting.estimation import Fit, fit
from quarry.analysis.fitting.objective import Residuals
from quarry.analysis.fitting.search import Data
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.law import Law
from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.held_out import held_out_rows
from quarry.analysis.points.loading import PointsLike, as_points
from quarry.analysis.points.schema import value_groups
from quarry.analysis.points.selection import points_for_law, select_points
from quarry.analysis.points.table import Points
from quarry.errors import FitError

_FEW_VALUES = 3
"""Fewer distinct values of a column are too few to leave each out."""

# With fewer held-out runs their resamples say nothing of noise; better means at least this probable.
_FEW_RUNS, _SURE = 5, 0.95

_ROW = "row of the comparison"


@dataclass(frozen=True)
class Comparison:
    """Laws fitted to the same points. Errors are means of |predicted / measured - 1|.

    `table` has a row for each law, best first: law, parameters (how many are free), objective,
    held_out_error (of the runs beyond `cut`, by a fit without them), left_out_error (of each value of the
    column `by`, likewise) and misfit_probability (of residuals so curved, were the law right); null where it
    cannot be measured. `pairs` has a row for each two laws, law before rival in the table: difference (how
    much larger the rival's held-out error is) and probability (that law predicts better than rival, over
    resamples of the runs fitted and of those held out; null if these are too few). `cut` is the largest
    compute fitted, None if none is held out.
    """

    table: pl.DataFrame
    pairs: pl.DataFrame
    fits: dict[str, Fit]
    cut: float | None
    by: str
    warnings: tuple[str, ...]


def compare(
    points: PointsLike,
    laws: Iterable[str | Law] | Mapping[str, str | Law],
    *,
    cut: float | None = None,
    by: str = "N",
    objective: Residuals = "huber",
    huber_delta: float | None = None,
    noise: str | None = None,
    above: float = 1.0,
    critical: Mapping[str, float] | None = None,
    bootstrap: int = 400,
    seed: int = 0,
) -> Comparison:
    """Fit every law to the points that all can use, and rank them by their held-out extrapolation error.

    `laws` are names or laws, or laws by the name to show. Runs with a compute beyond `cut` (FLOPs) are held
    out whole, by default the fifth of largest compute as in `quarry.analysis.fitting.estimation`; without
    any, the ranking is by
    the errors of leaving out each value of `by`. The objective's settings are those of
    `quarry.analysis.fitting.estimation.fit`.
    Laws that are not nested or differ in parameters compare by these errors, not by the objective.

    Raises FitError, LawError.
    """
    if bootstrap < 100:
        raise FitError(f"bootstrap={bootstrap}: a probability needs at least 100 draws")
    named = _named(laws)
    shared, warnings = _shared(points, named, critical)
    fits = {
        name: fit(
            shared,
            law,
            objective=objective,
            huber_delta=huber_delta,
            noise=noise,
            above=above,
            critical=critical,
            bootstrap=0,
        )
        for name, law in named.items()
    }
    out, reached = _beyond(fits, cut)
    errors = (
        {name: _held_out_errors(f, out, bootstrap, seed) for name, f in fits.items()} if out.any() else {}
    )
    rows = [_row(name, fitted, errors.get(name), by) for name, fitted in fits.items()]
    table = pl.DataFrame(rows, schema=_SCHEMA).sort("held_out_error", "left_out_error", nulls_last=True)
    pairs = _pairs(table["law"].to_list(), errors, _widest(fits).runs[out], seed)
    found = (*warnings, *_held_out_warnings(pairs), *_by_warnings(table, by))
    return Comparison(table, pairs, fits, reached, by, found)


_SCHEMA = {
    "law": pl.String,
    "parameters": pl.Int64,
    "objective": pl.Float64,
    "held_out_error": pl.Float64,
    "left_out_error": pl.Float64,
    "misfit_probability": pl.Float64,
}


def leave_one_out(fit: Fit, by: str = "N") -> pl.DataFrame:
    """How well the law predicts each value of a column from the others: a refit without each.

    Values within 1% are one. Returns a row for each, rising: the value (of those within 1%, the mean),
    points, error (mean |predicted / measured - 1|), bias (the mean with its sign), extrapolated (it is the
    smallest or largest). Errors are null where the others are too few for the law. Raises FitError.
    """
    labels, group = _groups(fit.points, by)
    out = group == np.arange(len(labels))[:, None]
    errors = _errors_without(fit.data, fit.minima.params, out)
    numeric = labels.dtype.is_numeric()
    return pl.DataFrame(
        {
            by: labels,
            "points": out.sum(axis=1),
            "error": [_mean(np.abs(row[own])) for row, own in zip(errors, out, strict=True)],
            "bias": [_mean(row[own]) for row, own in zip(errors, out, strict=True)],
            "extrapolated": [numeric and i in (0, len(labels) - 1) for i in range(len(labels))],
        },
        schema_overrides={"error": pl.Float64, "bias": pl.Float64},
    )


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if np.isfinite(values).all() else None


def _groups(table: pl.DataFrame, by: str) -> tuple[pl.Series, np.ndarray]:
    """The distinct values of a column, rising, and the place among them of each row. Raises FitError."""
    if by not in table.columns:
        raise FitError(f"by={by!r} is not a column; the points have {', '.join(table.columns)}")
    column = table[by]
    labels, group = np.unique(column.to_numpy(), return_inverse=True)
    if column.dtype.is_numeric():
        group = value_groups(column.to_numpy())
        labels = np.bincount(group, column.to_numpy()) / np.bincount(group)
    if len(labels) < _FEW_VALUES:
        raise FitError(f"by={by!r}: {text.plural(len(labels), 'distinct value')}, too few to leave one out")
    return pl.Series(by, labels), group


def _errors_without(data: Data, starts: np.ndarray, out: np.ndarray) -> np.ndarray:
    """predicted / measured - 1 of all points by refits without the rows `out` [refits, points]."""
    each = len(starts)
    weights = np.repeat(~out, each, axis=0).astype(np.float64)
    solution = data.solve(np.tile(starts, (len(out), 1)), weights)
    best = np.argmin(solution.objective.reshape(-1, each), axis=1) + each * np.arange(len(out))
    errors = np.array([_errors(data, params) for params in solution.params[best]])
    enough = [_distinct(data, ~rows) > len(data.law.parameters) for rows in out]
    return np.where(np.array(enough)[:, None], errors, np.nan)


def _errors(data: Data, params: np.ndarray) -> np.ndarray:
    """predicted / measured - 1 [points]."""
    return data.objective.response(data.predicted(params)) / data.objective.response(data.target) - 1


def _distinct(data: Data, rows: np.ndarray) -> int:
    return len(np.unique(np.stack([values[rows] for values in data.inputs.values()], axis=1), axis=0))


def _named(laws: Iterable[str | Law] | Mapping[str, str | Law]) -> dict[str, Law]:
    """Raises FitError, LawError."""
    by_name = isinstance(laws, Mapping)
    found = [find_law(law) if isinstance(law, str) else law for law in (laws.values() if by_name else laws)]
    names = [str(name) for name in laws] if by_name else [law.name for law in found]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise FitError(f"two laws are called {repeated[0]}: give laws by the names to show")
    named = dict(zip(names, found, strict=True))
    if len(named) < 2:
        raise FitError(f"{text.plural(len(named), 'law')} given: a comparison needs two or more")
    responses = {law.response for law in named.values()}
    if len(responses) > 1:
        raise FitError(f"the laws are of different things, {' and '.join(sorted(responses))}")
    return named


def _shared(
    points: PointsLike, laws: Mapping[str, Law], critical: Mapping[str, float] | None
) -> tuple[Points, list[str]]:
    """The points that all laws can use, by rising compute, and a sentence for each that can use fewer.

    Raises FitError.
    """
    points = as_points(points)
    numbered = replace(points, table=points.table.with_row_index(_ROW))
    usable = {name: select_points(points_for_law(numbered, law, critical), law) for name, law in laws.items()}
    kept = {name: set(own.table[_ROW]) for name, own in usable.items()}
    shared = set.intersection(*kept.values())
    if not shared:
        counts = "; ".join(f"{name} {len(rows)} of {len(points.table)}" for name, rows in kept.items())
        raise FitError(f"no point can be used by all laws ({counts}): they are not comparable")
    fewer = [
        f"{name} can use only {len(own.table)} of {len(points.table)} points "
        f"({own.excluded[-1].reason}): every law is fitted on the {len(shared)} that all can use"
        for name, own in usable.items()
        if len(own.table) < len(points.table)
    ]
    table = numbered.table.filter(pl.col(_ROW).is_in(list(shared))).drop(_ROW)
    # A law of C sorts its points so: all fits then have their rows in one order.
    return replace(points, table=table.sort([name for name in ("C", "loss") if name in table.columns])), fewer


def _widest(fits: Mapping[str, Fit]) -> Data:
    """The data of the law with the most parameters."""
    return max((fitted.data for fitted in fits.values()), key=lambda data: len(data.law.parameters))


def _beyond(fits: Mapping[str, Fit], cut: float | None) -> tuple[np.ndarray, float | None]:
    """Rows of the runs held out, none if too few are left, and the largest compute of the others."""
    data, compute = _widest(fits), _compute(fits)
    if cut is not None:
        out = np.isin(data.runs, data.runs[compute > cut])
        _check_cut(data, out, cut, compute)
        return out, float(compute[~out].max())
    out = held_out_rows(data.law, {**data.inputs, "C": compute}, data.runs)
    return (np.zeros(data.points, bool), None) if out is None else (out, float(compute[~out].max()))


def _check_cut(data: Data, out: np.ndarray, cut: float, compute: np.ndarray) -> None:
    if not out.any():
        raise FitError(f"cut={cut:g}: no run has more compute; the largest has {compute.max():g} FLOPs")
    if _distinct(data, ~out) <= (needed := len(data.law.parameters)):
        left = text.plural(_distinct(data, ~out), "distinct point")
        raise FitError(f"cut={cut:g}: {left} below it, too few for {needed} parameters of {data.law.name}")


def _compute(fits: Mapping[str, Fit]) -> np.ndarray:
    """C of each point; without it 6NE, and without these the product of the inputs."""
    fitted = next(iter(fits.values()))
    if "C" in fitted.points.columns:
        return fitted.points["C"].cast(pl.Float64).to_numpy()
    if {"N", "E"} <= set(fitted.points.columns):
        return 6 * np.prod([fitted.points[name].cast(pl.Float64).to_numpy() for name in "NE"], axis=0)
    return np.prod(list(law_inputs(fitted.points, fitted.law).values()), axis=0)


def refits_without(fitted: Fit, out: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Parameters of a fit without the rows `out`, then of its bootstrap's refits: [1 + draws, parameters]."""
    data = fitted.data.rows(~out)
    params = fitted.data.refit(fitted.minima, ~out)
    starts = np.stack([params, fitted.minima.params[0]])
    drawn = uncertainty.bootstrap(data, uncertainty.resample(data.runs, draws, seed), starts).params
    return np.stack([params, *drawn])


def _held_out_errors(fitted: Fit, out: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """|predicted / measured - 1| of the rows `out` by a fit without them, then by its bootstrap's refits."""
    held = fitted.data.rows(out)
    return np.abs([_errors(held, row) for row in refits_without(fitted, out, draws, seed)])


def _row(name: str, fitted: Fit, errors: np.ndarray | None, by: str) -> dict[str, float | str | None]:
    misfit = fitted.diagnostics["misfit"]
    return {
        "law": name,
        "parameters": len(fitted.data.law.parameters),
        "objective": fitted.objective,
        "held_out_error": None if errors is None else float(errors[0].mean()),
        "left_out_error": _left_out_error(fitted, by),
        "misfit_probability": misfit["probability"] if misfit else None,
    }


def _left_out_error(fitted: Fit, by: str) -> float | None:
    """Over all points, each predicted without those of its value; None where one cannot be."""
    try:
        table = leave_one_out(fitted, by)
    except FitError:
        return None
    if table["error"].null_count():
        return None
    return float(np.average(table["error"].to_numpy(), weights=table["points"].to_numpy()))


def _pairs(names: list[str], errors: Mapping[str, np.ndarray], runs: np.ndarray, seed: int) -> pl.DataFrame:
    """Every two laws, from their `errors` [1 + draws, rows] on the held-out `runs` [rows]."""
    rows = [
        (law, rival, *_gap(errors[rival] - errors[law], runs, seed))
        for law, rival in combinations(names if errors else [], 2)
    ]
    schema = {"law": pl.String, "rival": pl.String, "difference": pl.Float64, "probability": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _gap(gap: np.ndarray, runs: np.ndarray, seed: int) -> tuple[float, float | None]:
    """The mean of `gap` [1 + draws, rows], and how probably it is above 0; None with too few runs."""
    if len(np.unique(runs)) < _FEW_RUNS:
        return float(gap[0].mean()), None
    weights = uncertainty.resample(runs, len(gap) - 1, seed + 1)
    drawn = (weights * gap[1:]).sum(axis=1)
    return float(gap[0].mean()), float(np.mean(drawn > 0) + np.mean(drawn == 0) / 2)


def _held_out_warnings(pairs: pl.DataFrame) -> list[str]:
    """Which laws the held-out runs do not tell from the best."""
    if pairs.is_empty():
        return ["too few points are left without the largest runs to measure an extrapolation error"]
    if pairs["probability"].null_count():
        return [
            f"fewer than {_FEW_RUNS} runs are held out: whether errors differ by noise alone is not known"
        ]
    best = pairs.filter(pl.col("law") == pairs["law"][0], pl.col("probability") < _SURE)
    return [
        f"{law} predicts the held-out runs no better than {rival} within their noise "
        f"(probability {probability:.2f} that it is better)"
        for law, rival, _, probability in best.iter_rows()
    ]


def _by_warnings(table: pl.DataFrame, by: str) -> list[str]:
    missing = table.filter(pl.col("left_out_error").is_null())["law"].to_list()
    return [f"{', '.join(missing)}: too few values of {by} to leave each out"] if missing else []
