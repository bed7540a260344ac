"""Held-out losses of ensembles: the averaged probabilities of runs that differ only in their seeds.

The averaged probability needs only each member's probability of the actual next token. So each member scores
the text once, and any set of members is a mean of these numbers. Sets of one pool of runs overlap, so their
spread says little of the error of their mean; the rows without one member (the jackknife) do.
"""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.checks import require
from quarry.model.counting import flops_exact
from quarry.model.sharding import make_mesh
from quarry.train.config.point_files import Point
from quarry.train.data.progress import tracked
from quarry.train.data.store import Split
from quarry.train.record.locations import locate_run
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.description import describe_model, experiment_as_json
from quarry.train.run.evaluation import Evaluator
from quarry.train.run.finished import final_params
from quarry.train.run.sizes import prepare_store, resolve_sizes

FEWEST_MEMBERS = 2
MOST_SETS = 1000
"""Sets of K members that are averaged over: all there are, or so many drawn at random."""

COLUMNS = {
    "study": pl.String(),
    "point": pl.String(),  # of the first member
    "n_nonembedding": pl.Int64(),  # of one member
    "n_params": pl.Int64(),
    "unique_tokens": pl.Int64(),
    "tokens": pl.Int64(),  # processed by one member
    "flops_exact": pl.Float64(),  # of the training of one member
    "weight_decay": pl.Float64(),
    "dropout": pl.Float64(),
    "peak_learning_rate": pl.Float64(),
    "without": pl.Int64(),  # the member left out; null if none is
    "members": pl.Int64(),  # K
    "loss": pl.Float64(),  # nats per token of the held-out text, mean over sets of K members
    "sets": pl.Int64(),  # how many sets
    "split": pl.String(),  # the held-out text
    "scored_tokens": pl.Int64(),
}
"""One row for each group of runs, member left out, and number of members."""


@dataclass(frozen=True)
class Scoring:
    """What is averaged, and the text that it is scored on."""

    split: Split = "validation"
    tokens: int | None = None
    """The first tokens of the split, at most all; None: as many as each run has scored itself."""
    members: tuple[int, ...] = ()
    """Numbers of members K; (): from one to all there are."""

    def __post_init__(self) -> None:
        for name, values in (("tokens", (self.tokens,)), ("members", self.members)):
            for value in values:
                require(value is None or value >= 1, f"{name} must be at least 1, not {value}")


def ensembles(
    points: Sequence[Point], workdir: Path, cache: Path, scoring: Scoring | None = None
) -> pl.DataFrame:
    """The losses of all ensembles of finished runs among `points`, with the columns `COLUMNS`.

    Raises ConfigError if no two finished runs differ only in their seeds, or not as many as asked for.
    """
    groups = _groups(points, workdir, cache)
    require(bool(groups), "no two of these runs are finished and differ only in seed_init and seed_order")
    how, largest = scoring or Scoring(), max(map(len, groups))
    for members in how.members:
        require(members <= largest, f"members = {members}: at most {largest} runs differ only in their seeds")
    rows = [row for group in tracked(groups, "averaging") for row in _rows(group, cache, how)]
    return pl.DataFrame(rows, schema=COLUMNS)


Member = tuple[Point, RunDirectory]


def _groups(points: Sequence[Point], workdir: Path, cache: Path) -> list[list[Member]]:
    """The finished runs grouped by configuration without seeds; groups of one run are left out."""
    groups: dict[str, list[Member]] = {}
    for point in points:
        directory = locate_run(workdir, point.run, cache=cache)
        if directory.status() == "finished":
            seedless = dataclasses.replace(point.config, seed_init=0, seed_order=0)
            key = json.dumps(experiment_as_json(seedless), sort_keys=True)
            groups.setdefault(key, []).append((point, directory))
    return [group for group in groups.values() if len(group) >= FEWEST_MEMBERS]


def _rows(group: list[Member], cache: Path, scoring: Scoring) -> Iterator[dict[str, Any]]:
    first = group[0][0]
    config, store = first.config, prepare_store(first.config, cache)
    sizes, counts = resolve_sizes(config, store), describe_model(config.model)
    own = vars(config.evaluation)[f"{scoring.split}_tokens"] if scoring.tokens is None else scoring.tokens
    evaluator = Evaluator(config, make_mesh(config.mesh), store, scoring.split, own)
    params = (final_params(point.config, where, store) for point, where in group)
    scored = np.stack([evaluator.token_losses(each) for each in params])
    about = {"study": first.study, "point": first.name, "tokens": sizes.tokens}
    about |= {name: counts[name] for name in ("n_nonembedding", "n_params")}
    about |= {"unique_tokens": sizes.unique_tokens, "weight_decay": config.optimizer.weight_decay}
    about |= {"dropout": config.model.dropout, "peak_learning_rate": config.optimizer.learning_rate}
    about |= {"flops_exact": float(flops_exact(config.model) * sizes.tokens)}
    about |= {"split": scoring.split, "scored_tokens": evaluator.tokens}
    for members in scoring.members or range(1, len(group) + 1):
        sets = sets_of(len(group), members)
        losses = set_losses(scored, sets)
        for without in (None, *range(len(group))):
            kept = [loss for loss, chosen in zip(losses, sets, strict=True) if without not in chosen]
            if kept:
                yield about | {
                    "without": without,
                    "members": members,
                    "loss": float(np.mean(kept)),
                    "sets": len(kept),
                }


def sets_of(count: int, members: int) -> list[tuple[int, ...]]:
    """All sets of `members` of `count`, or about `MOST_SETS` distinct ones, always the same; may be empty."""
    if math.comb(count, members) <= MOST_SETS:
        return list(itertools.combinations(range(count), members))
    draw = np.random.default_rng((count, members))
    drawn = (draw.choice(count, members, replace=False).tolist() for _ in range(MOST_SETS))
    return sorted({tuple(sorted(each)) for each in drawn})


def set_losses(losses: np.ndarray, sets: Sequence[tuple[int, ...]]) -> np.ndarray:
    """The loss of the mean probability of each set, from the losses [members, ...], in nats."""
    least = losses.min(axis=0)
    odds = np.exp(least - losses).astype(np.float32)  # beside the best member; sums of 1,000 sets are fast
    means = (np.log(odds[list(chosen)].mean(axis=0)).mean(dtype=np.float64) for chosen in sets)
    return least.mean() - np.fromiter(means, np.float64)
