"""Whether a rule shifts the constant D_c of L(U) = (D_c / U)^alpha_D, its slope alpha_D, or neither.

In a cell (N, U) both rules have the same seeds, durations and held-out text. The logarithm of the ratio of
their losses, d(U) = ln L_rule - ln L_control, is then a line in ln U whose slope is the difference of alpha_D
(the misfit that both share cancels) and whose height gives the ratio of data at equal loss,
m = U_control / U_rule (science: data-efficiency multiplier). The noise of d comes from replicates of the
control or from the scatter about the line, whichever is larger.
"""

import math
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.estimation import fit
from quarry.analysis.selection.cells import SEEDS, best_cells, noise_at, noise_by_tokens, t_factor
from quarry.errors import PointsError

FEWEST_TOKENS = 3
"""Values of U that a slope needs."""


def verdicts(points: pl.DataFrame, control: str = "pieces", level: float = 0.95) -> pl.DataFrame:
    """A row for each corpus, rule and N, and for all N together (`n` null): the difference to the control.

    alpha: alpha_D of the rule by `kaplan-d`; alpha_change, multiplier (and _low, _high): see the module;
    charged: the multiplier after the FLOPs of choosing; share: these FLOPs over 6NE, the geometric mean of
    the cells; verdict. Raises PointsError if the control has no replicates or no rule has enough U.
    """
    cells = best_cells(points)
    noise = noise_by_tokens(cells, control)
    rows: list[dict[str, Any]] = []
    for (corpus,), group in cells.group_by("corpus", maintain_order=True):
        known = noise.filter(corpus=corpus)
        if known.is_empty():
            continue
        for rule in sorted(set(group["rule"]) - {control}):
            lines = [
                line
                for (_,), sizes in group.group_by("n_nonembedding", maintain_order=True)
                if (line := _line(sizes, rule, control, known)) is not None
            ]
            shared = [_joint(lines)] if len(lines) > 1 else []
            freedom = float(known["freedom"].sum())
            rows += [
                {"corpus": corpus, "rule": rule} | _row(line, t_factor(freedom, level))
                for line in lines + shared
            ]
    if not rows:
        raise PointsError(f"no rule beside {control!r} has losses at {FEWEST_TOKENS} values of U")
    return pl.DataFrame(rows, infer_schema_length=None)


def _line(sizes: pl.DataFrame, rule: str, control: str, noise: pl.DataFrame) -> dict[str, Any] | None:
    """The line d(U) of one N: its slope and height with their errors, and the fits of both rules."""
    both = sizes.filter(rule=rule).join(
        sizes.filter(rule=control), on=["unique_tokens", *SEEDS], suffix="_control"
    )
    both = both.sort("unique_tokens")
    if both["unique_tokens"].n_unique() < FEWEST_TOKENS:
        return None
    tokens = both["unique_tokens"].to_numpy()
    x = np.log(tokens) - np.log(tokens).mean()
    d = (both["excess"].log() - both["excess_control"].log()).to_numpy()
    slope, height = (x @ d) / (x @ x), d.mean()
    scatter = float(((d - height - slope * x) ** 2).sum() / (len(x) - 2))
    variance = np.maximum(2 * noise_at(noise, tokens) ** 2, scatter)
    alphas = {name: _alpha(sizes.filter(rule=name)) for name in (rule, control)}
    charge = np.log1p((both["flops_selection"] / both["flops"]).to_numpy()).mean()
    return {
        "n": int(both["n_nonembedding"][0]),
        "alpha": alphas[rule],
        "alpha_control": alphas[control],
        "slope": slope,
        "slope_error": math.sqrt(float(x**2 @ variance)) / (x @ x),
        "height": height,
        "height_error": math.sqrt(float(variance.mean()) / len(x)),
        "charge": float(charge),
        "spacing": float(np.ptp(x)),
    }


def _alpha(cells: pl.DataFrame) -> float:
    """alpha_D by least squares on log loss."""
    table = cells.select(U="unique_tokens", loss="excess").cast(pl.Float64)
    table = table.group_by("U").agg(pl.col("loss").log().mean().exp())
    return float(fit(table, "kaplan-d", objective="log", bootstrap=0).params["alpha_D"])


def _joint(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean over N; the draws of U are shared by all N, so that its error is that of one of them."""
    mean = {name: float(np.mean([line[name] for line in lines])) for name in lines[0] if name != "n"}
    return mean | {"n": None}


def _row(line: dict[str, Any], factor: float) -> dict[str, Any]:
    change, half = -line["slope"], factor * line["slope_error"]
    log_ratio = -line["height"] / line["alpha_control"]
    spread = factor * line["height_error"] / line["alpha_control"]
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
