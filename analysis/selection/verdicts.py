"""Whether a rule shifts the constant D_c of L(U) = (D_c / U)^alpha_D, its slope alpha_D, or neither.

In a cell (N, U) both rules have the same durations and held-out text. The logarithm of the ratio of
their losses, d(U) = ln L_rule - ln L_control, is then a line in ln U whose slope is the difference of alpha_D
(the misfit that both share cancels) and whose height gives the ratio of data at equal loss,
m = U_control / U_rule (science: data-efficiency multiplier). Runs with the same seeds are compared, and the
noise is the spread of their difference between seeds. Intervals are by it or by the scatter about the line,
whichever is wider (`lines`).
"""

import functools
import math
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.estimation import fit
from quarry.analysis.selection.cells import (
    best_cells,
    mean_over_sizes,
    noise_at,
    noise_of_difference,
    paired,
)
from quarry.analysis.selection.lines import fit_line
from quarry.errors import PointsError

FEWEST_TOKENS = 3
"""Values of U that a slope needs."""


def verdicts(points: pl.DataFrame, control: str = "pieces", level: float = 0.95) -> pl.DataFrame:
    """A row for each corpus, rule and N, and for the mean over N (`n` null): what differs from the control.

    alpha: alpha_D of the rule by `kaplan-d`; alpha_change, multiplier (and _low, _high): see the module;
    charged: the multiplier after the FLOPs of choosing; share: these FLOPs over 6NE, the geometric mean of
    the cells; verdict. Raises PointsError if the control has no replicates or no rule has enough U.
    """
    cells, rows = best_cells(points), []
    for (corpus, rule), of_rule in cells.group_by("corpus", "rule", maintain_order=True):
        of_corpus = cells.filter(corpus=corpus)
        if rule == control or of_corpus.filter(rule=control).is_empty():
            continue
        sizes = of_rule["n_nonembedding"].unique().sort().to_list()
        pair = of_corpus.filter(pl.col("rule").is_in([rule, control]), pl.col("n_nonembedding").is_in(sizes))
        rows += [{"corpus": corpus, "rule": rule} | _row(line) for line in _lines(pair, rule, control, level)]
    if not rows:
        raise PointsError(f"no rule beside {control!r} has losses at {FEWEST_TOKENS} values of U")
    return pl.DataFrame(rows, infer_schema_length=None)


def _lines(cells: pl.DataFrame, rule: str, control: str, level: float) -> list[dict[str, Any]]:
    """The line of each N, and of their mean where there are several."""
    both = paired(cells, rule, control)
    if both.is_empty():
        raise PointsError(f"no run by {rule!r} has the seeds of one by {control!r} in the same cell")
    noise = noise_of_difference(both, cells, control)
    if noise.is_empty():
        raise PointsError(
            f"the rule {control!r} has no replicates: without them differences have no interval"
        )
    found = [
        _line(of_size, noise, level) for _, of_size in both.group_by("n_nonembedding", maintain_order=True)
    ]
    lines = sorted((line for line in found if line is not None), key=lambda line: line["n"])
    if len(lines) > 1:
        means = mean_over_sizes(cells, [line["n"] for line in lines])
        of_means = paired(means, rule, control)
        shared = noise_of_difference(of_means, means, control)
        # with replicates of some N only their mean has none
        joint = None if shared.is_empty() else _line(of_means, shared, level)
        lines += [joint] if joint is not None else []
    return lines


def _line(both: pl.DataFrame, noise: pl.DataFrame, level: float) -> dict[str, Any] | None:
    """The line d(U) of one N: slope and height with half their intervals, and the fits of both rules.

    A cell is the geometric mean of its replicates. None if there are too few U.
    """
    charge = (pl.col("flops_selection").fill_null(0.0) / pl.col("flops")).log1p().mean()
    logs = (pl.col(name).log().mean().exp() for name in ("excess", "excess_control"))
    d, runs = pl.col("difference").mean(), pl.len()
    cells = both.group_by("unique_tokens").agg(*logs, d, charge=charge, runs=runs).sort("unique_tokens")
    if len(cells) < FEWEST_TOKENS:
        return None
    tokens, d = (cells[name].to_numpy() for name in ("unique_tokens", "difference"))
    variance, freedom = noise_at(noise, tokens)
    line = fit_line(np.log(tokens), d, variance / cells["runs"].to_numpy()[:, None], freedom, level)
    alphas = {
        name: _alpha(tuple(tokens.tolist()), tuple(cells[name])) for name in ("excess", "excess_control")
    }
    return {
        "n": both["n_nonembedding"][0],
        "alpha": alphas["excess"],
        "alpha_control": alphas["excess_control"],
        "charge": cells["charge"].mean(),
        **line._asdict(),
    }


@functools.lru_cache(maxsize=256)
def _alpha(tokens: tuple[int, ...], losses: tuple[float, ...]) -> float:
    """alpha_D by least squares on log loss; that of the control is needed for every rule."""
    table = pl.DataFrame({"U": tokens, "loss": losses}).cast(pl.Float64)
    return float(fit(table, "kaplan-d", objective="log", bootstrap=0).params["alpha_D"])


def _row(line: dict[str, Any]) -> dict[str, Any]:
    change, half = -line["slope"], line["slope_half"]
    log_ratio = -line["height"] / line["alpha_control"]
    spread = line["height_half"] / line["alpha_control"]
    row = {"n": line["n"], "alpha": line["alpha"], "alpha_control": line["alpha_control"]}
    row |= {"alpha_change": change, "alpha_change_low": change - half, "alpha_change_high": change + half}
    for name, shift in (("multiplier", 0.0), ("charged", line["charge"])):
        ends = {"": 0.0, "_low": -spread, "_high": spread}
        row |= {name + end: math.exp(log_ratio - shift + move) for end, move in ends.items()}
    return row | {"share": math.expm1(line["charge"]), "verdict": _verdict(row)}


def _verdict(row: dict[str, Any]) -> str:
    """What the intervals exclude: first an equal slope, then an equal constant."""
    if row["alpha_change_low"] > 0:
        return "steeper"
    if row["alpha_change_high"] < 0:
        return "flatter"
    if row["multiplier_low"] > 1:
        return "constant, better"
    return "constant, worse" if row["multiplier_high"] < 1 else "no difference"
