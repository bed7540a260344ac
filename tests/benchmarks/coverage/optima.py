"""`python -m tests.benchmarks.coverage.optima FOLDER`: the misfit of log N_opt beyond the budgets, by family.

Every table of the folder whose points allow it gives the optima of isoFLOP budgets and of the envelope; below
each cut in C a line predicts those above. `experiments/results/bands/optima.csv` has a row for each family
and method: how many tables and predictions, how many of them the interval by the other cuts held, and the
largest misfit a decade out whose likelihood is within a factor e of the best. `optima-prior.csv` has the
likelihood of priors of spread 1. The backtests show no misfit beyond the lines' parameters and scatter, so
that the prior of `analysis/allocation/beyond.py` is the widest that they do not contradict, by that factor.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl

from quarry.analysis.allocation.beyond import PRIOR
from quarry.analysis.allocation.envelope import fit_envelope
from quarry.analysis.allocation.isoflop import fit_isoflop
from quarry.analysis.allocation.trends import Trend
from quarry.analysis.fitting.prediction.extrapolation import SCALES, log_likelihood
from quarry.errors import FitError
from tests.benchmarks.coverage.splits import Ladder, read_ladders

RESULTS = Path("experiments/results/bands")
MEDIANS = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
WITHIN = 1.0
"""The log likelihood by which a misfit, or a prior, may lie below the best."""

METHODS: dict[str, Callable[[pl.DataFrame], Trend]] = {
    "isoflop": lambda table: fit_isoflop(table, bootstrap=300).trend,
    "envelope": lambda table: fit_envelope(table, bootstrap=100).trend,
}


def main() -> None:
    """Write both tables."""
    options = argparse.ArgumentParser("python -m tests.benchmarks.coverage.optima", description=__doc__)
    options.add_argument("folder", type=Path)
    warnings.simplefilter("ignore")
    rows = pl.DataFrame(_tested(read_ladders(options.parse_args().folder)))
    groups = rows.group_by("family", "method", maintain_order=True)
    table = groups.agg(pl.len().alias("tables"), pl.col("tested", "inside").sum(), pl.col("likelihood"))
    likelihood = np.array([np.sum(each, axis=0) for each in table["likelihood"].to_list()])
    largest = [SCALES[one >= one.max() - WITHIN].max() for one in likelihood]
    priors = [{"median": median, "log_likelihood": _evidence(likelihood, median)} for median in MEDIANS]
    for name, found in (
        ("optima", table.drop("likelihood").with_columns(largest_misfit=pl.Series(largest))),
        ("optima-prior", pl.DataFrame(priors)),
    ):
        found.write_csv(RESULTS / f"{name}.csv", float_precision=4)
        print(found)


def _evidence(likelihood: np.ndarray, median: float) -> float:
    """The log likelihood of a prior of this median, against the best misfits [families, grid]."""
    prior = np.exp(-0.5 * (np.log(SCALES / median) / PRIOR.spread) ** 2)
    each = np.exp(likelihood - likelihood.max(axis=1, keepdims=True)) @ prior / prior.sum()
    return float(np.log(each).sum())


def _tested(ladders: list[Ladder]) -> Iterator[dict]:
    """A row for each table and method that has backtests; `likelihood` [grid] is that of each misfit."""
    for ladder in ladders:
        for method, trend_of in METHODS.items():
            try:
                outlook = trend_of(ladder.table).outlook
            except FitError:
                continue
            if outlook is None or outlook.backtests is None or not outlook.tested:
                continue
            likelihood = log_likelihood(outlook.backtests, PRIOR.growth, outlook.noise)
            counts = {"tested": outlook.tested, "inside": outlook.inside}
            yield {"family": ladder.family, "method": method, **counts, "likelihood": likelihood.tolist()}


if __name__ == "__main__":
    main()
