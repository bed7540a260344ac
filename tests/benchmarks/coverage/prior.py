"""`python -m tests.benchmarks.coverage.prior FOLDER`: the prior of the misfit beyond the fitted range.

Every ladder of the folder is cut at three computes, and each law is fitted and backtested below the cut. Of
all log-normal priors on a grid of medians, spreads and growths (the power of the distance) the one is taken
whose intervals of the points beyond have the best interval score, families counted alike, among those that
hold 94.5% of the points and 90% of the largest runs (if none does, that which holds the most points). Writes
`analysis/fitting/prediction/prior.csv`, and, as its sources, the scores of the grid
(`experiments/results/bands/prior.csv`) and the most probable misfit of every ladder by its own backtests
(`experiments/results/bands/ladders.csv`).
"""

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

from quarry.analysis.fitting.prediction.band import Reach
from quarry.analysis.fitting.prediction.extrapolation import (
    SCALES,
    log_likelihood,
    measure_extrapolation,
)
from quarry.analysis.fitting.prediction.outlook import Outlook
from quarry.analysis.fitting.prediction.prior import CURVE, SURFACE, TABLE, Prior
from quarry.analysis.fitting.prediction.scores import interval_score
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.law import Law
from tests.benchmarks.coverage.contenders import fitted
from tests.benchmarks.coverage.splits import Ladder, read_curves, read_ladders, splits

SHARES = (0.4, 0.6, 0.8)
MEDIANS = (0.005, 0.008, 0.012, 0.016, 0.024, 0.035, 0.05, 0.07, 0.1)
# A growth of 0.5 scores as well, and holds fewer of the largest runs.
SPREADS, GROWTHS = (0.7, 1.0, 1.4), (0.7, 1.0)
POINTS_HELD, LARGEST_HELD = 0.945, 0.90
RESULTS = Path("experiments/results/bands")
LEVEL, NORMAL, DRAWS = 0.95, 1.959964, 200


@dataclass(frozen=True)
class Tested:
    """A split fitted below its cut: what the fit knew, and its errors beyond [points]."""

    ladder: Ladder
    outlook: Outlook
    reach: Reach
    distance: np.ndarray
    error: np.ndarray
    largest: np.ndarray


def main() -> None:
    """Write the prior and its sources."""
    options = argparse.ArgumentParser("python -m tests.benchmarks.coverage.prior", description=__doc__)
    options.add_argument("folder", type=Path)
    folder = options.parse_args().folder
    warnings.simplefilter("ignore")
    surfaces, curves = read_ladders(folder), read_curves(folder)
    tested = {SURFACE: list(_tested(surfaces, find_law("chinchilla")))}
    for law in ("power-offset", "broken-power"):
        tested[law] = list(_tested(curves, find_law(law, "E")))
    tested[CURVE] = [one for law in ("power-offset", "broken-power") for one in tested[law]]
    grids = {law: _grid(found).with_columns(law=pl.lit(law)) for law, found in tested.items()}
    pl.concat([_best(grid) for grid in grids.values()]).write_csv(TABLE, float_precision=4)
    RESULTS.mkdir(parents=True, exist_ok=True)
    pl.concat(grids.values()).write_csv(RESULTS / "prior.csv", float_precision=4)
    pl.concat(_misfits(law, found) for law, found in tested.items()).write_csv(RESULTS / "ladders.csv")
    print(pl.read_csv(TABLE))


def _tested(ladders: list[Ladder], law: Law) -> Iterator[Tested]:
    for ladder in ladders:
        print(law.name, ladder.name, flush=True)
        for split in splits(ladder, SHARES):
            fit = fitted(split.below, law, DRAWS)
            if fit is None or fit.outlook is None:
                continue
            inputs = {name: split.beyond[name].to_numpy() for name in law.inputs}
            middle = fit.predict(inputs)
            reach = fit._reach(inputs, middle)
            error = np.log(split.beyond["loss"].to_numpy() / middle)
            known = np.isfinite(error) & np.isfinite(reach[0]) & np.isfinite(reach[1])
            distances = fit.outlook.extrapolation.distance(inputs)
            largest = split.compute == split.compute.max()
            sides = (reach[0][known], reach[1][known])
            yield Tested(ladder, fit.outlook, sides, distances[known], error[known], largest[known])


def _grid(tested: list[Tested]) -> pl.DataFrame:
    """The score of every prior of the grid, and how much its intervals hold."""
    rows = []
    for values in product(MEDIANS, SPREADS, GROWTHS):
        scores = pl.DataFrame([_judge(one, Prior(*values)) for one in tested])
        families = scores.group_by("family").agg(pl.col("score").mean())
        rows.append(
            dict(zip(("median", "spread", "growth"), values, strict=True))
            | {
                "points_held": scores["inside"].sum() / scores["points"].sum(),
                "largest_held": scores["largest"].mean(),
                "score": float(np.exp(families["score"].log().mean())),
                "ladders": scores["ladder"].n_unique(),
                "families": len(families),
            }
        )
    return pl.DataFrame(rows)


def _judge(one: Tested, prior: Prior) -> dict[str, str | float]:
    outlook = one.outlook
    assert outlook.backtests is not None
    found = measure_extrapolation(outlook.backtests, prior, outlook.noise, {})
    below, above = (
        found.reach(one.distance, (side / NORMAL) ** 2 + outlook.noise**2, LEVEL) for side in one.reach
    )
    inside = (-below <= one.error) & (one.error <= above)
    return {
        "family": one.ladder.family,
        "ladder": one.ladder.name,
        "points": len(inside),
        "inside": int(inside.sum()),
        "largest": float(inside[one.largest].mean()) if one.largest.any() else 1.0,
        "score": float(interval_score(one.error, -below, above, LEVEL).mean()),
    }


def _best(grid: pl.DataFrame) -> pl.DataFrame:
    """The best score among the priors that hold enough; without any, the one that holds the most."""
    enough = grid.filter(pl.col("points_held") >= POINTS_HELD, pl.col("largest_held") >= LARGEST_HELD)
    best = enough.sort("score") if len(enough) else grid.sort("points_held", descending=True)
    return best.head(1).select("law", pl.all().exclude("law"))


def _misfits(law: str, tested: list[Tested]) -> pl.DataFrame:
    """The most probable misfit of each ladder a decade out, by the backtests of its largest cut."""
    last = {one.ladder: one for one in tested}
    return pl.DataFrame(
        [
            {"law": law, "ladder": ladder.name, "family": ladder.family, "misfit": _most_probable(one)}
            for ladder, one in last.items()
        ]
    )


def _most_probable(one: Tested) -> float:
    assert one.outlook.backtests is not None
    growth, noise = one.outlook.extrapolation.growth, one.outlook.noise
    return float(SCALES[log_likelihood(one.outlook.backtests, growth, noise).argmax()])


if __name__ == "__main__":
    main()
