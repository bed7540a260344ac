"""The results of a study in sentences. Every number is computed from its runs and fits."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.allocation.beyond import ends_with_misfit
from quarry.analysis.fitting.intervals import OPEN
from quarry.analysis.fitting.warnings import rejection
from quarry.analysis.points.columns import law_inputs
from quarry.analysis.points.schema import SAME_VALUE
from quarry.analysis.report.comparison import best_law, compared, leading_law
from quarry.analysis.report.takeover import best_sizes

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


def span(values: pl.Series) -> str:
    """`8k to 1.8M`, or the one value."""
    low, high = text.count(values.min()), text.count(values.max())  # type: ignore[arg-type]
    return low if low == high else f"{low} to {high}"


def summarise(
    runs: pl.DataFrame, curves: pl.DataFrame, fits: "Sequence[Fit]", says_annealed: bool = True
) -> list[str]:
    """The main facts of a study, what was trained first. `runs` are those of `run_table`, `curves` those of
    `learning_curves`; `says_annealed` as in `Source`."""
    best = _best(runs, "annealed validation loss" if says_annealed else "last loss of a run")
    return [
        _scale(runs), *_diverged(runs), *best, *_compression(runs), *_takeover(curves), *_law(fits)
    ]  # fmt: skip


def _scale(runs: pl.DataFrame) -> str:
    sizes, read, unique = (runs[name].drop_nulls() for name in ("N", "E", "U"))
    distinct = "" if read.equals(unique) else f" ({span(unique)} distinct ones were there to read)"
    models, whole = text.plural(sizes.n_unique(), "model size"), _whole(runs)
    branches = runs.height - whole.height
    return (
        f"{text.plural(whole.height, 'run')}{_and_branches(branches)} of {models}, N = {span(sizes)} "
        f"parameters, each trained on {span(read)} tokens{distinct}, "
        f"for {text.power(float(whole['C'].sum()))} FLOPs in all ({_counted(runs)}"
        f"{', without the cooldowns of branches' if branches else ''})."
    )


def _whole(runs: pl.DataFrame) -> pl.DataFrame:
    """The runs that are no branch of another one there."""
    trunk = pl.concat_str(pl.col("run").str.replace("[^/]*$", ""), "trunk")
    return runs.filter(pl.col("trunk").is_null() | ~trunk.is_in(runs["run"].to_list()))


def _and_branches(number: int) -> str:
    return f" and {text.plural(number, 'branch', 'branches')} of them," if number else ""


def _counted(runs: pl.DataFrame) -> str:
    """How the FLOPs of the runs were counted."""
    apart = (runs["C"] / (6.0 * runs["N"] * runs["E"]) - 1).abs()
    return "6NE" if not (apart > SAME_VALUE).any() else "by the table's column C, which is not 6NE"


def _diverged(runs: pl.DataFrame) -> list[str]:
    number = runs.filter(pl.col("status") == "diverged").height
    return (
        [f"{text.plural(number, 'run')} diverged: counted in the table of runs, left out of the fits."]
        if number
        else []
    )


def _best(runs: pl.DataFrame, what: str) -> list[str]:
    ended = runs.filter(pl.col("annealed"), pl.col("loss").is_finite()).sort("loss")
    if ended.is_empty():
        return ["No run has reached the end of its schedule yet, so no loss here is annealed."]
    best = ended.row(0, named=True)
    return [
        f"The lowest {what} is {best['loss']:.4f}{_error(best)} nats per token, "
        f"of {best['run']} (N = {text.count(best['N'])})."
    ]


def _error(run: Mapping[str, Any]) -> str:
    return "" if run["loss_sem"] is None else f" ± {text.number(run['loss_sem'], 2)}"


def _compression(runs: pl.DataFrame) -> list[str]:
    scored = runs.drop_nulls(["bits_per_byte", "gzip", "xz"]).sort("bits_per_byte")
    if scored.is_empty():
        return []
    best = scored.row(0, named=True)
    return [
        f"On the test text the best model needs {best['bits_per_byte']:.3f} bits per byte, where gzip -9 "
        f"needs {best['gzip']:.3f} and xz -9 {best['xz']:.3f}."
    ]


def _takeover(curves: pl.DataFrame) -> list[str]:
    """The best size at the ends of the budgets that curves of several sizes pass through."""
    ends = best_sizes(curves)
    if ends is None:
        return []
    first, last = (f"{text.power(end.c)} FLOPs (of {end.sizes} there)" for end in ends)
    small, large = (text.count(end.n) for end in ends)
    between = f"Of the sizes whose curves pass through one budget, mid-schedule too, that of {small} is best"
    if ends[0].n == ends[1].n:
        return [f"{between} from {first} to {last}."]
    return [f"{between} at {first}, at {last} that of {large}."]


def _law(fits: "Sequence[Fit]") -> list[str]:
    """The law that predicts runs left out best, or most of them: how well, what more N does, its misses."""
    best = best_law(fits)
    shown = best or leading_law(fits)
    if shown is None:
        return ["No law could be tested on larger runs than those it is fitted to."] if fits else []
    error = text.percent(shown.diagnostics.held_out_error)
    points = text.plural(shown.diagnostics.held_out_points, "point")
    predicts = f"{_rank(fits, shown, best)} by a fit without them, to {error} ({points})."
    return [" ".join([predicts, *_growth(shown), _largest_miss(shown)])]


def _rank(fits: "Sequence[Fit]", shown: "Fit", best: "Fit | None") -> str:
    if best is not None:
        return (
            f"Of {len(compared(fits))} laws tested on the same runs {best.law.name} predicts the largest best"
        )
    tests = {fit.diagnostics.held_out_points for fit in fits if fit.diagnostics.held_out_error is not None}
    runs = "the largest of its own runs" if len(tests) > 1 else "the largest runs"
    return f"The law {shown.law.name} predicts {runs}"


def _growth(fit: "Fit") -> list[str]:
    """What ten times the largest N does to the loss, the others at their largest, if that is bounded."""
    if "N" not in fit.law.inputs or fit.law.response != "loss":
        return []
    largest = {name: float(fit.points[name].to_numpy().max()) for name in fit.law.inputs}
    ten = largest | {"N": 10 * largest["N"]}
    factor, ends = fit.quantity(lambda p: fit.law.predict(p, ten) / fit.law.predict(p, largest))
    if ends == OPEN:
        return []
    place = {name: np.array(value) for name, value in ten.items()}
    ends = ends_with_misfit(fit.outlook, place, factor, ends, fit.level)
    return [
        f"{_where(fit)} ten times the parameters of the largest model multiply the loss by {factor:.3f} by "
        f"this law ({fit.level:.0%} interval: {text.interval(ends)})."
    ]


def _largest_miss(fit: "Fit") -> str:
    """The point that the law misses by the most, and whether its residuals reject it."""
    miss = fit.points[fit.law.response].cast(pl.Float64).to_numpy() - fit.predict(
        law_inputs(fit.points, fit.law)
    )
    worst = int(np.argmax(np.abs(miss)))
    side = "above" if miss[worst] > 0 else "below"
    rejected = bool(fit.diagnostics.misfit and rejection(fit.law.name, (), "", fit.diagnostics.misfit))
    return (
        f"Its largest miss is {fit.points['run'][worst]}, {abs(miss[worst]):.3f} nats {side} the law"
        + (", and its residuals reject it" if rejected else "")
        + "."
    )


def _where(fit: "Fit") -> str:
    tokens = fit.points["E"].unique()
    return f"At {text.count(tokens[0])} tokens" if len(tokens) == 1 else "At the most tokens"
