"""`python -m tests.benchmarks.coverage FOLDER`: the leaderboard, printed and written as dated tables.

Every table of the folder with N, D and a loss is cut at seven computes; each contender predicts the points
beyond from those below. Learning curves (a run of a dozen rows) are predicted from their own beginnings by
power-offset and broken-power. A row for each contender: how many points its 95% and 80% intervals hold, of
the largest run of each split, the median width, the interval score (Gneiting and Raftery 2007) of log loss.

On two quiet cores the tables of `../shared/data/published` take 14 minutes by chinchilla, about 20 by skaling
and 15 by auto (on one shared core of a newer machine): `--law chinchilla skaling auto`.
"""

import argparse
import warnings
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.prediction.scores import interval_score
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.laws.law import Law
from quarry.analysis.laws.mixture import MIXTURE
from tests.benchmarks.coverage.contenders import CONTENDERS, LEVELS, Contender, Intervals, fitted
from tests.benchmarks.coverage.simple import ENVIRONMENT, NAME, Simple
from tests.benchmarks.coverage.splits import Split, read_curves, read_ladders, splits
from tests.benchmarks.tables import write_dated

CURVE_LAWS = ("power-offset", "broken-power")
DRAWS = 300

# An open interval counts as one this wide in log loss, twice: nothing is known.
_OPEN = 3.0


def main() -> None:
    """Run the leaderboard over a folder."""
    options = argparse.ArgumentParser("python -m tests.benchmarks.coverage", description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--law", nargs="*", default=["chinchilla"], help="laws of N and E, also auto")
    options.add_argument("--curve-law", nargs="*", default=CURVE_LAWS, help="laws of learning curves")
    options.add_argument("--only", default="", help="ladders whose name begins so")
    options.add_argument("--simple", type=Path, metavar="PYTHON", help=f"the Python that has {NAME}")
    chosen = options.parse_args()
    if chosen.simple and not chosen.simple.is_file():
        options.error(f"--simple {chosen.simple}: no such file; {ENVIRONMENT}")
    warnings.simplefilter("ignore")
    with Simple(chosen.simple) if chosen.simple else nullcontext() as simple:
        table = pl.DataFrame(_every_row(chosen, _contenders(simple)), infer_schema_length=None)
    print(simple.summary() if simple else f"without {NAME}: {ENVIRONMENT}")
    write_dated("coverage-points", table.to_dicts())
    for by in (["law", "contender"], ["law", "contender", "family"], ["law", "contender", "factor"]):
        write_dated("-".join(["coverage", *by[1:]]), leaderboard(table, by).to_dicts())


def _contenders(simple: Simple | None) -> dict[str, Contender]:
    return {**CONTENDERS, NAME: simple} if simple else {**CONTENDERS}


def _every_row(chosen: argparse.Namespace, contenders: Mapping[str, Contender]) -> Iterator[dict[str, Any]]:
    """The rows of the ladders by each law of N and E, and of the learning curves by theirs."""
    surfaces, curves = read_ladders(chosen.folder), read_curves(chosen.folder)
    each = [(None if law == MIXTURE else find_law(law), surfaces) for law in chosen.law]
    for law, ladders in [*each, *((find_law(law, "E"), curves) for law in chosen.curve_law)]:
        for ladder in ladders:
            if ladder.name.startswith(chosen.only):
                print(law.name if law else MIXTURE, ladder.name, flush=True)
                yield from (row for split in splits(ladder) for row in _rows(split, law, contenders))


def _rows(split: Split, law: Law | None, contenders: Mapping[str, Contender]) -> Iterator[dict[str, Any]]:
    """A row for each contender and point beyond the cut; none where the law has no interval below it."""
    fit = fitted(split.below, law, DRAWS)
    if fit is None or fit.outlook is None:
        return
    inputs = {name: split.beyond[name].to_numpy() for name in fit.law.inputs}
    factor = np.exp(fit.outlook.extrapolation.distance(inputs))
    for name, contender in contenders.items():
        scores = _scores(np.log(split.beyond["loss"].to_numpy()), contender(fit, split))
        largest = split.compute == split.compute.max()
        for i in range(len(factor)):
            known = {key: float(values[i]) for key, values in scores.items()}
            place = {"law": fit.law.name, "contender": name, "family": split.ladder.family}
            split_name = {"ladder": split.ladder.name, "share": split.share}
            yield place | split_name | {"beyond": float(factor[i]), "largest": bool(largest[i])} | known


def _scores(measured: np.ndarray, intervals: Intervals) -> dict[str, np.ndarray]:
    """Whether the interval holds, its width and its score [points], at each level."""
    found = {}
    for level in LEVELS:
        low, high = (
            np.nan_to_num(side, nan=sign * _OPEN, neginf=-_OPEN, posinf=_OPEN)
            for sign, side in zip((-1, 1), intervals[level], strict=True)
        )
        found[f"inside_{level:.0%}"] = (low <= measured) & (measured <= high)
        found[f"width_{level:.0%}"] = high - low
        found[f"score_{level:.0%}"] = interval_score(measured, low, high, level)
    return found


def leaderboard(points: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Means over the points and over the largest runs; over families the geometric mean of their scores."""
    half_decades = pl.col("beyond").log10().mul(2).floor()
    named = points.with_columns(factor=(10 ** (half_decades / 2)).round(1))
    largest = pl.col("largest") == 1
    family_score = named.group_by(*{*by, "family"}).agg(pl.col("score_95%").mean())
    geometric = family_score.group_by(by).agg(family_score_95=pl.col("score_95%").log().mean().exp())
    return (
        named.group_by(by, maintain_order=True)
        .agg(
            points=pl.len(),
            splits=pl.struct("ladder", "share").n_unique(),
            inside_95=pl.col("inside_95%").mean(),
            largest_95=pl.col("inside_95%").filter(largest).mean(),
            inside_80=pl.col("inside_80%").mean(),
            largest_80=pl.col("inside_80%").filter(largest).mean(),
            width_95=pl.col("width_95%").median(),
            score_95=pl.col("score_95%").mean(),
            score_80=pl.col("score_80%").mean(),
        )
        .join(geometric, on=by, maintain_order="left")
    )


if __name__ == "__main__":
    main()
