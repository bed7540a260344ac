"""`python -m tests.benchmarks.coverage.prior FOLDER`: the prior of the misfit beyond the fitted range.

Every ladder of the folder is fitted whole with each law, and its backtests give the likelihood of the misfit
a decade beyond the range. Its most probable value is written for every ladder
(`experiments/results/bands/ladders.csv`); over the families of ladders, median and spread
(`analysis/fitting/prediction/prior.csv`), with the power of the distance by which the misfits of all ladders
together are the most probable.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.prediction.backtests import backtest
from quarry.analysis.fitting.prediction.extrapolation import SCALES, log_likelihood
from quarry.analysis.fitting.prediction.prior import CURVE, SURFACE, TABLE
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.law import Law
from tests.benchmarks.coverage.contenders import fitted
from tests.benchmarks.coverage.splits import Ladder, read_curves, read_ladders

SURFACE_LAWS, CURVE_LAWS = ("chinchilla", "skaling"), ("power-offset", "broken-power")
GROWTHS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3)
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
    growth = {row["law"]: row["growth"] for row in priors}
    rows = [
        {
            "law": law,
            "ladder": ladder.name,
            "family": ladder.family,
            "misfit": _most_probable(found, growth[law]),
        }
        for law in (*SURFACE_LAWS, *CURVE_LAWS)
        for ladder, found in likelihoods[law]
    ]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).write_csv(RESULTS, float_precision=5)
    print(pl.DataFrame(priors))


def _likelihoods(ladders: list[Ladder], law: Law) -> list[tuple[Ladder, np.ndarray]]:
    """Each ladder with the log likelihood of every misfit, for every growth: [growths, scales]."""
    found = []
    for ladder in ladders:
        print(law.name, ladder.name, flush=True)
        fit = fitted(ladder.table, law, DRAWS)
        if fit is not None and fit.outlook is not None:
            tested, noise = backtest(fit.data, fit.minima), fit.outlook.noise
            found.append((ladder, np.array([log_likelihood(tested, growth, noise) for growth in GROWTHS])))
    return found


def _prior(law: str, found: list[tuple[Ladder, np.ndarray]]) -> dict[str, Any]:
    """The most probable growth, and at it the median and the spread of the misfits over families."""
    families = sorted({ladder.family for ladder, _ in found})
    weight = [1 / sum(other.family == ladder.family for other, _ in found) for ladder, _ in found]
    best = sum(w * each.max(axis=1) for w, (_, each) in zip(weight, found, strict=True))
    growth = GROWTHS[int(np.argmax(best))]
    logs = np.log([_most_probable(each, growth) for _, each in found])
    medians = [np.median(logs[[ladder.family == name for ladder, _ in found]]) for name in families]
    middle = float(np.median(medians))
    spread = float(np.sqrt(np.average((logs - middle) ** 2, weights=weight)))
    known = {"growth": growth, "ladders": len(found), "families": len(families)}
    return {"law": law, "median": float(np.exp(middle)), "spread": spread} | known


def _most_probable(likelihood: np.ndarray, growth: float) -> float:
    return float(SCALES[np.argmax(likelihood[GROWTHS.index(growth)])])


if __name__ == "__main__":
    main()
