"""The results of a study in sentences. Every number is computed from its runs and fits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from quarry import text

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


def span(values: pl.Series) -> str:
    """`8k to 1.8M`, or the one value."""
    low, high = text.count(values.min()), text.count(values.max())  # type: ignore[arg-type]
    return low if low == high else f"{low} to {high}"


def summarise(runs: pl.DataFrame, frontier: pl.DataFrame, fits: "Sequence[Fit]") -> list[str]:
    """The main facts of a study. `runs` as `run_table` gives them, `frontier` as `compute_frontier` does."""
    sentences = [_scale(runs), *_diverged(runs), *_best(runs), *_compression(runs), *_takeover(frontier)]
    return sentences + [sentence for fit in fits for sentence in _exponent(fit)]


def _scale(runs: pl.DataFrame) -> str:
    sizes, read, unique = (runs[name].drop_nulls() for name in ("N", "E", "U"))
    return (
        f"{text.plural(runs.height, 'run')} of {text.plural(sizes.n_unique(), 'model size')}, {span(sizes)} "
        f"non-embedding parameters, each trained on {span(read)} tokens ({span(unique)} distinct ones were "
        f"there to read), for {text.power(float(runs['C'].sum()))} FLOPs in all (6NE)."
    )


def _diverged(runs: pl.DataFrame) -> list[str]:
    number = runs.filter(pl.col("status") == "diverged").height
    return (
        [f"{text.plural(number, 'run')} diverged: counted in the table of runs, left out of the fits."]
        if number
        else []
    )


def _best(runs: pl.DataFrame) -> list[str]:
    ended = runs.filter(pl.col("annealed"), pl.col("loss").is_finite()).sort("loss")
    if ended.is_empty():
        return ["No run has reached the end of its schedule yet, so no loss here is annealed."]
    best = ended.row(0, named=True)
    return [
        f"The lowest annealed validation loss is {best['loss']:.4f} ± {text.number(best['loss_sem'], 2)} "
        f"nats per token, of {best['run']} (N = {text.count(best['N'])})."
    ]


def _compression(runs: pl.DataFrame) -> list[str]:
    scored = runs.drop_nulls(["bits_per_byte", "gzip", "xz"]).sort("bits_per_byte")
    if scored.is_empty():
        return []
    best = scored.row(0, named=True)
    return [
        f"On the test text the best model needs {best['bits_per_byte']:.3f} bits per byte, where gzip -9 "
        f"needs {best['gzip']:.3f} and xz -9 {best['xz']:.3f}."
    ]


def _takeover(frontier: pl.DataFrame) -> list[str]:
    if frontier["N"].n_unique() < 2:
        return []
    ends = [(text.count(frontier["N"][i]), text.power(frontier["C"][i])) for i in (0, -1)]
    (first, little), (last, much) = ends
    return [f"At {little} FLOPs the model of {first} parameters is best, at {much} that of {last}."]


def _exponent(fit: "Fit") -> list[str]:
    """The effect of ten times the parameters, from Kaplan's L(N)."""
    if fit.law.name != "kaplan-n":
        return []
    exponent = fit.params["alpha_N"]
    return [
        f"{_where(fit)} the loss falls as N to the power −{text.number(exponent, 3)} "
        f"({fit.level:.0%} interval: {text.interval(fit.interval['alpha_N'])}): "
        f"ten times the parameters multiply it by {10**-exponent:.3f}."
    ]


def _where(fit: "Fit") -> str:
    tokens = fit.points["E"].unique()
    return f"At {text.count(tokens[0])} tokens" if len(tokens) == 1 else "Over these runs"
