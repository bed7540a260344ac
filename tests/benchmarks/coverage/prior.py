"""`python -m tests.benchmarks.coverage.prior FOLDER`: the prior of the misfit beyond the fitted range.

Every ladder of the folder is fitted whole with each law, and its backtests give the likelihood of the misfit
a decade beyond the range; its most probable value is written for every ladder
(`experiments/results/bands/ladders.csv`). The prior of a law (`analysis/fitting/prediction/prior.csv`) is the
log-normal distribution over families of ladders under which all their backtests are the most probable
(empirical Bayes; each family counts once). The power of the distance with which the misfit grows is not
taken from there, where most points lie near the cuts: it is the one with which the leaderboard's intervals
score best while they hold the largest runs.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.prediction.extrapolation import SCALES, log_likelihood
from quarry.analysis.fitting.prediction.prior import CURVE, SURFACE, TABLE
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.law import Law
from tests.benchmarks.coverage.contenders import fitted
from tests.benchmarks.coverage.splits import Ladder, read_curves, read_ladders

SURFACE_LAWS, CURVE_LAWS = ("chinchilla", "skaling"), ("power-offset", "broken-power")
GROWTH = dict.fromkeys((*SURFACE_LAWS, SURFACE), 0.7) | dict.fromkeys((*CURVE_LAWS, CURVE), 1.0)
MEDIANS, SPREADS = np.geomspace(1e-3, 0.3, 60), np.linspace(0.3, 2.0, 35)
RESULTS = Path("experiments/results/bands/ladders.csv")
DRAWS = 100


def main() -> None:
    """Write both tables."""
    options = argparse.ArgumentParser("python -m tests.benchmarks.coverage.prior", description=__doc__)
    options.add_argument("folder", type=Path)
    folder = options.parse_args().folder
    warnings.simplefilter("ignore")
    surfaces, curves = read_ladders(folder), read_curves(folder)
    likelihoods = {law: _likelihoods(surfaces, find_law(law)) for law in SURFACE_LAWS}
    likelihoods |= {law: _likelihoods(curves, find_law(law, "E")) for law in CURVE_LAWS}
    likelihoods[SURFACE] = [each for law in SURFACE_LAWS for each in likelihoods[law]]
    likelihoods[CURVE] = [each for law in CURVE_LAWS for each in likelihoods[law]]
    priors = [_prior(law, found) for law, found in likelihoods.items()]
    pl.DataFrame(priors).write_csv(TABLE, float_precision=4)
    rows = [
        {"law": law, "ladder": ladder.name, "family": ladder.family, "misfit": float(SCALES[found.argmax()])}
        for law in (*SURFACE_LAWS, *CURVE_LAWS)
        for ladder, found in likelihoods[law]
    ]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_csv(RESULTS, float_precision=5)
    print(pl.DataFrame(priors))


def _likelihoods(ladders: list[Ladder], law: Law) -> list[tuple[Ladder, np.ndarray]]:
    """Each ladder with the log likelihood of every misfit [scales]."""
    found = []
    for ladder in ladders:
        print(law.name, ladder.name, flush=True)
        fit = fitted(ladder.table, law, DRAWS)
        if fit is not None and fit.outlook is not None and fit.outlook.backtests is not None:
            noise = fit.outlook.noise
            found.append((ladder, log_likelihood(fit.outlook.backtests, GROWTH[law.name], noise)))
    return found


def _prior(law: str, found: list[tuple[Ladder, np.ndarray]]) -> dict[str, Any]:
    """The median and the spread under which the backtests of all families are the most probable."""
    families = [ladder.family for ladder, _ in found]
    weight = np.array([1 / families.count(name) for name in families])
    likelihood = np.exp([each - each.max() for _, each in found])
    offset = np.log(SCALES) - np.log(MEDIANS)[:, None, None]
    density = np.exp(-0.5 * (offset / SPREADS[:, None]) ** 2)  # [medians, spreads, scales]
    density /= density.sum(axis=-1, keepdims=True)
    evidence = np.log(density @ likelihood.T) @ weight
    best = np.unravel_index(np.argmax(evidence), evidence.shape)
    known = {"median": MEDIANS[best[0]], "spread": SPREADS[best[1]], "growth": GROWTH[law]}
    return {"law": law} | known | {"ladders": len(found), "families": len(set(families))}


if __name__ == "__main__":
    main()
