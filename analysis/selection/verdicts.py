"""Whether a rule shifts the constant D_c of L(U) = (D_c / U)^alpha_D, its slope alpha_D, or neither.

In a cell (N, U) both rules have the same durations and held-out text. The logarithm of the ratio of
their losses, d(U) = ln L_rule - ln L_control, is then a line in ln U whose slope is the difference of alpha_D
(the misfit that both share cancels) and whose height gives the ratio of data at equal loss,
m = U_control / U_rule (science: data-efficiency multiplier). Intervals are by replicates of the control or by
the scatter about the line, whichever is wider (`lines`).
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
    noise_by_tokens,
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
    replicates = noise_by_tokens(cells, control)
    for (corpus, rule), of_rule in cells.group_by("corpus", "rule", maintain_order=True):
        known = replicates.filter(corpus=corpus)
        if rule == control or known.is_empty():
            continue
        sizes = of_rule["n_nonembedding"].unique()
        pair = cells.filter(pl.col("rule").is_in([rule, control]), corpus=corpus)
        pair = pair.filter(pl.col("n_nonembedding").is_in(sizes.to_list()))
        lines = [_line(pair.filter(n_nonembedding=n), rule, control, known, level) for n in sorted(sizes)]
        found = [line for line in lines if line is not None]
        if len(found) > 1:
            means = mean_over_sizes(pair, [line["n"] for line in found])
            shared = noise_by_tokens(means, control)
            if (joint := _line(means, rule, control, shared, level)) is not None:
                found.append(joint)
        about = {"corpus": corpus, "rule": rule}
        rows += [about | _row(line) for line in found]
    if not rows:
        raise PointsError(f"no rule beside {control!r} has losses at {FEWEST_TOKENS} values of U")
    return pl.DataFrame(rows, infer_schema_length=None)


def _line(
    sizes: pl.DataFrame, rule: str, control: str, noise: pl.DataFrame, level: float
) -> dict[str, Any] | None:
    """The line d(U) of one N: slope and height with half their intervals, and the fits of both rules.

    A cell is the geometric mean of its replicates. None if there are too few U.
    """
    both = _means(sizes, rule).join(_means(sizes, control), on="unique_tokens", suffix="_control")
    both = both.sort("unique_tokens")
    if len(both) < FEWEST_TOKENS:
        return None
    tokens = both["unique_tokens"].to_numpy()
    d = (both["excess"].log() - both["excess_control"].log()).to_numpy()
    shares = (1 / both["runs"] + 1 / both["runs_control"]).to_numpy()
    variance = shares * noise_at(noise, tokens) ** 2
    line = fit_line(np.log(tokens), d, variance, int(noise["freedom"].sum()), level)
    alphas = {
        name: _alpha(tuple(tokens.tolist()), tuple(both[name])) for name in ("excess", "excess_control")
    }
    return {
        "n": sizes["n_nonembedding"][0],
        "alpha": alphas["excess"],
        "alpha_control": alphas["excess_control"],
        "charge": both["charge"].mean(),
        **line._asdict(),
    }


def _means(sizes: pl.DataFrame, rule: str) -> pl.DataFrame:
    """By U: the mean `excess` over replicates, their number `runs`, and `charge`, ln(1 + choosing / 6NE)."""
    charge = (pl.col("flops_selection").fill_null(0.0) / pl.col("flops")).log1p().mean()
    means = pl.col("excess").log().mean().exp()
    return sizes.filter(rule=rule).group_by("unique_tokens").agg(means, charge=charge, runs=pl.len())


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
