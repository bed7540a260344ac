"""Sample efficiency: tokens of one pass to a loss, by size, beside Kaplan's closed form and repeated tokens.

By Kaplan et al. 2020 (2001.08361), eq. 1.4 and 1.6, E_min(N, l) = B_crit(l) S_c (l - (N_c / N)^alpha_N)^(-1 /
alpha_S): the curve to beat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from quarry.analysis.epochs.censored_regression import Censored
from quarry.analysis.epochs.estimates import estimate_row, estimates
from quarry.analysis.epochs.first_reached import first_below
from quarry.analysis.epochs.least_squares import least_squares, named
from quarry.analysis.epochs.power_laws import slope
from quarry.analysis.fitting.intervals import IntervalSettings, finite
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.laws.batch_size import minimum_steps, minimum_tokens
from quarry.analysis.laws.kaplan import KAPLAN_NS
from quarry.analysis.laws.kaplan_frontier import converged_loss, minimum_steps_to

if TYPE_CHECKING:
    from quarry.analysis.epochs.grid import FirstPass, Grid
    from quarry.analysis.epochs.inputs import FirstPassBatch

_FEWEST_POINTS = 5
"""First passes that a form of four parameters needs."""
_FEWEST_SIZES = 3
"""Sizes below which the same curve fits with and without a floor that falls with N."""


@dataclass(frozen=True)
class ToLoss:
    """ln E_l [draws, N, targets], tokens of the first pass down to each loss, and `kaplan` [N, targets].

    `kaplan` are the tokens by Kaplan's form of all first passes, NaN where the size's floor is above the
    loss. With a batch both are E_min, and `critical` is B_crit at each loss, else NaN [targets].
    """

    sizes: np.ndarray
    targets: np.ndarray
    logs: Censored
    kaplan: np.ndarray
    critical: np.ndarray


def tokens_to_loss(fresh: "FirstPass", targets: np.ndarray, batch: "FirstPassBatch | None" = None) -> ToLoss:
    """Tokens of the first pass down to each loss, for every size."""
    shape = (*fresh.losses.shape[:2], len(targets))
    losses = np.broadcast_to(fresh.losses[:, :, None, :], (*shape, fresh.losses.shape[-1]))
    logs = first_below(fresh.tokens, losses, np.broadcast_to(targets, shape))
    critical = np.full(len(targets), np.nan)
    if batch is not None:
        critical = batch.critical_at(targets)
        saved = np.log(minimum_tokens(1.0, batch.tokens, critical))
        logs = Censored(logs.low + saved, logs.high + saved)
    return ToLoss(fresh.sizes, targets, logs, _kaplan(fresh, targets, batch), critical)


def shared_targets(fresh: "FirstPass", count: int = 4) -> np.ndarray:
    """Losses that most sizes reach in their first pass, evenly spaced between the medians of its ends."""
    measured = fresh.losses[0]
    if not measured.size:
        return np.empty(0)
    ends = np.nanmin(measured, axis=1)
    start = np.nanmax(measured, axis=1)
    return np.linspace(float(np.median(start)), float(np.median(ends)), count + 2)[1:-1]


def tokens_table(found: ToLoss, settings: IntervalSettings) -> pl.DataFrame:
    """A row for each loss and the N that came down to it: tokens, and Kaplan's; S_min = E_min / B_crit, its
    definition (section 5.1), where the critical batch is known."""
    rows = []
    for t, n in zip(*np.nonzero(found.logs.known[0].T), strict=True):
        tokens = np.exp(found.logs.low[:, n, t])
        row = {"loss": found.targets[t], "N": found.sizes[n], "kaplan": finite(found.kaplan[n, t])}
        rows.append(row | estimate_row(settings, {"tokens": tokens, "S_min": tokens / found.critical[t]}))
    keys = dict.fromkeys(("loss", "N"), pl.Float64)
    return pl.DataFrame(rows, schema=keys | estimates("tokens", "S_min") | {"kaplan": pl.Float64})


def exponents_table(found: ToLoss, settings: IntervalSettings) -> pl.DataFrame:
    """By loss gamma = -d ln E_l / d ln N over the N that came down to it, and Kaplan's over the same."""
    rows = []
    for t, loss in enumerate(found.targets.tolist()):
        there = found.logs.known[0, :, t]
        if there.sum() < 2:
            continue
        gamma = -slope(found.sizes[there], found.logs.low[:, there, t])
        kaplan = -slope(found.sizes[there], np.log(found.kaplan[None, there, t]))[0]
        row = {"loss": loss, "sizes": int(there.sum()), **estimate_row(settings, {"gamma": gamma})}
        rows.append(row | {"kaplan": finite(kaplan)})
    schema = {"loss": pl.Float64, "sizes": pl.Int64} | estimates("gamma") | {"kaplan": pl.Float64}
    return pl.DataFrame(rows, schema=schema)


def duality_table(found: ToLoss, tuned: "Grid", settings: IntervalSettings) -> pl.DataFrame:
    """By loss, N and U: k passes over U tokens, and their tokens k U over those of one pass."""
    rows = []
    for t, loss in enumerate(found.targets.tolist()):
        passes = first_below(tuned.passes, tuned.losses, np.full(tuned.losses.shape[:-1], loss))
        for n, u in zip(*np.nonzero(passes.known[0]), strict=True):
            at = np.flatnonzero(found.sizes == tuned.sizes[n])
            if not len(at) or not found.logs.known[0, at[0], t]:
                continue
            # A draw of noise may have both of them as bounds.
            with np.errstate(invalid="ignore"):
                ratio = np.exp(passes.low[:, n, u] + np.log(tuned.unique[u]) - found.logs.low[:, at[0], t])
            key = {"loss": loss, "N": tuned.sizes[n], "U": tuned.unique[u], "k": np.exp(passes.low[0, n, u])}
            rows.append(key | estimate_row(settings, {"repeated_over_fresh": ratio}))
    keys = dict.fromkeys(("loss", "N", "U", "k"), pl.Float64)
    return pl.DataFrame(rows, schema=keys | estimates("repeated_over_fresh"))


def _kaplan(fresh: "FirstPass", targets: np.ndarray, batch: "FirstPassBatch | None") -> np.ndarray:
    """Tokens [N, targets] by L(N, S_min) fitted to the measured losses; steps are tokens without a batch."""
    n, e = np.nonzero(~np.isnan(fresh.losses[0]))
    unknown = np.full((len(fresh.sizes), len(targets)), np.nan)
    if len(n) < _FEWEST_POINTS or len(np.unique(n)) < _FEWEST_SIZES:
        return unknown
    loss, tokens = fresh.losses[0, n, e], fresh.tokens[e]
    if batch is None:
        steps = tokens
    else:
        steps = minimum_steps(tokens / batch.tokens, batch.tokens, batch.critical_at(loss))
    law = KAPLAN_NS
    best = least_squares(law, {"N": fresh.sizes[n], "S_min": steps}, loss, seed=0, huber=Objective().delta)
    params = {name: float(value[0, 0]) for name, value in named(law, best.position[None]).items()}
    needed = _steps_to(targets, fresh.sizes, params)
    return needed if batch is None else needed * batch.critical_at(targets)


def _steps_to(targets: np.ndarray, sizes: np.ndarray, params: Mapping[str, float]) -> np.ndarray:
    """S_min [N, targets], NaN where the size's floor is above the loss."""
    n, loss = np.meshgrid(sizes, targets, indexing="ij")
    reached = loss > converged_loss(n, params)
    needed = np.full(n.shape, np.nan)
    needed[reached] = minimum_steps_to(loss[reached], n[reached], params)
    return needed
