"""Held-out losses of ensembles: the averaged probabilities of runs that differ only in their seeds.

The averaged probability needs only each member's probability of the actual next token. So each member scores
the text once, and any subset of the members is a mean of these numbers.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.model.sharding import make_mesh
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import Point
from quarry.train.data.store import TokenStore
from quarry.train.record.locations import locate_run
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.checkpoints import Checkpoints
from quarry.train.run.description import describe_model, experiment_as_json
from quarry.train.run.evaluation import Evaluator
from quarry.train.run.origin import foreign
from quarry.train.run.sizes import prepare_store, resolve_sizes
from quarry.train.run.step import abstract_state

FEWEST_MEMBERS = 2

COLUMNS = {
    "study": pl.String(),
    "point": pl.String(),  # of the first member
    "n_nonembedding": pl.Int64(),  # of one member
    "n_params": pl.Int64(),
    "unique_tokens": pl.Int64(),
    "tokens": pl.Int64(),  # processed by one member
    "weight_decay": pl.Float64(),
    "dropout": pl.Float64(),
    "peak_learning_rate": pl.Float64(),
    "without": pl.Int64(),  # the member left out; null if none is
    "members": pl.Int64(),  # K
    "loss": pl.Float64(),  # nats per token of the validation text, mean over all sets of K members
}
"""One row for each group of runs, member left out, and number of members."""


def ensembles(points: Sequence[Point], workdir: Path, cache: Path) -> pl.DataFrame:
    """The losses of all ensembles of finished runs among `points`, with the columns `COLUMNS`.

    Raises ConfigError if no two finished runs differ only in their seeds.
    """
    rows = [row for group in _groups(points, workdir, cache) for row in _rows(group, cache)]
    require(bool(rows), "no two of these runs are finished and differ only in seed_init and seed_order")
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


def _rows(group: list[Member], cache: Path) -> Iterator[dict[str, Any]]:
    first = group[0][0]
    config, store = first.config, prepare_store(first.config, cache)
    sizes, counts = resolve_sizes(config, store), describe_model(config.model)
    evaluator = Evaluator(
        config, make_mesh(config.mesh), store, "validation", config.evaluation.validation_tokens
    )
    params = (final_params(point.config, where, store) for point, where in group)
    scored = np.stack([evaluator.token_losses(each) for each in params])
    about = {"study": first.study, "point": first.name, "tokens": sizes.tokens}
    about |= {name: counts[name] for name in ("n_nonembedding", "n_params")}
    about |= {"unique_tokens": sizes.unique_tokens, "weight_decay": config.optimizer.weight_decay}
    about |= {"dropout": config.model.dropout, "peak_learning_rate": config.optimizer.learning_rate}
    for without in (None, *range(len(group))):
        kept = [member for member in range(len(group)) if member != without]
        for members in range(1, len(kept) + 1):
            sets = itertools.combinations(kept, members)
            loss = float(np.mean([ensemble_loss(scored[list(chosen)]) for chosen in sets]))
            yield about | {"without": without, "members": members, "loss": loss}


def ensemble_loss(losses: np.ndarray) -> float:
    """The loss of the mean probability, from the losses of each member [members, ...], in nats."""
    least = losses.min(axis=0)
    return float(np.mean(least - np.log(np.exp(least - losses).mean(axis=0))))


def final_params(config: Experiment, directory: RunDirectory, store: TokenStore) -> Any:
    """The parameters at the end of a run. Raises ConfigError if no checkpoint can be read."""
    checkpoints = Checkpoints(directory.checkpoints, config.checkpoint, (), lambda *_: None)
    fault = lambda _, facts: foreign(facts, experiment_as_json(config), store)  # noqa: E731
    newest = checkpoints.newest(abstract_state(config, make_mesh(config.mesh)), fault)
    checkpoints.close()
    if newest is None:
        raise ConfigError(f"{directory} has no checkpoint that can be read")
    return newest[0].params
