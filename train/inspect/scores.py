"""Scores of the pieces of a corpus by small trained models, as a file that rules of selection read.

The columns of the Parquet file: `start` and `tokens` of each piece in the training tokens, and nats per token
of the piece by each reference: `loss` at the end of its run, `early` at its first permanent checkpoint, and
`held_out` by a second model. A piece that a reference has trained on has no score (null).
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.model.counting import flops_6n
from quarry.model.sharding import make_mesh
from quarry.train.config.point_files import Point
from quarry.train.config.selection import Rule
from quarry.train.data.feed import whole_sequences
from quarry.train.data.selection.pieces import Pieces, cut, means, shuffled
from quarry.train.data.selection.scores import METADATA
from quarry.train.data.store import TokenStore
from quarry.train.record.disk_space import usable
from quarry.train.record.files import atomic_write
from quarry.train.record.locations import locate_run
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.checkpoints import Checkpoints, permanent_steps
from quarry.train.run.description import experiment_as_json
from quarry.train.run.evaluation import Evaluator
from quarry.train.run.finished import final_params
from quarry.train.run.origin import foreign
from quarry.train.run.sizes import prepare_store, resolve_sizes
from quarry.train.run.step import abstract_state

AT_ONCE = 2**22
"""Tokens whose losses are in memory together."""


@dataclass(frozen=True)
class Reference:
    """A finished run that scores, with the store that it read."""

    point: Point
    directory: RunDirectory
    store: TokenStore

    @property
    def seen(self) -> tuple[int, int]:
        """The training tokens it has read: from, to."""
        sizes, draw = resolve_sizes(self.point.config, self.store), self.point.config.data.draw
        return draw * sizes.unique_tokens, (draw + 1) * sizes.unique_tokens

    @property
    def cost(self) -> dict[str, Any]:
        """Of scoring, 2 N a token, and of its training, 6 N E, in FLOPs."""
        model = self.point.config.model
        tokens = resolve_sizes(self.point.config, self.store).tokens
        flops = {"flops_per_token": flops_6n(model) / 3, "flops_reference": float(flops_6n(model) * tokens)}
        return flops | {"run": self.point.run}

    def early_params(self) -> Any | None:
        """The parameters at its first permanent checkpoint; None without one before the end."""
        config = self.point.config
        steps = resolve_sizes(config, self.store).steps
        permanent = sorted(permanent_steps(config, steps) - {0, steps})
        if not permanent:
            return None
        checkpoints = Checkpoints(self.directory.checkpoints, config.checkpoint, permanent, lambda *_: None)
        fault = lambda _, facts: foreign(facts, experiment_as_json(config), self.store)  # noqa: E731
        with closing(checkpoints):
            state = checkpoints.at(permanent[0], abstract_state(config, make_mesh(config.mesh)), fault)
        if state is None:
            raise ConfigError(f"{self.directory} has lost its checkpoint of step {permanent[0]}")
        return state.params


def write_scores(
    point: Point, held_out: Point | None, workdir: Path, cache: Path, output: Path, piece: int = Rule.piece
) -> pl.DataFrame:
    """Write and return the scores of all pieces of the corpus of `point`, a finished run, by its model.

    Raises ConfigError if a run has not finished, or if the second is the first or reads another corpus.
    """
    itself = held_out is not None and held_out.run == point.run
    require(not itself, f"--held-out is {point.run} itself: every difference would be 0; name a second model")
    reference = _reference(point, workdir, cache)
    store, columns = reference.store, {}
    pieces = shuffled(tokens := store.tokens("train"), cut(tokens, store.tokenizer.separator, piece))
    columns["loss"] = (reference, final_params(point.config, reference.directory, store))
    if (early := reference.early_params()) is not None:
        columns["early"] = (reference, early)
    if held_out is not None:
        other = _reference(held_out, workdir, cache)
        same = other.store.manifest["splits"]["train"] == store.manifest["splits"]["train"]
        require(same, f"{held_out.run} was trained on other text than {point.run}")
        columns["held_out"] = (other, final_params(held_out.config, other.directory, other.store))
    seen = _seen(pieces, [each for each, _ in columns.values()])
    losses = {name: piece_losses(each, params, pieces) for name, (each, params) in columns.items()}
    table = pl.DataFrame({"start": pieces.starts, "tokens": pieces.sizes} | losses)
    table = table.with_columns(pl.when(pl.lit(~seen)).then(pl.col(*losses).fill_nan(None)))
    about = {
        "pool": store.manifest["splits"]["train"]["sha256"],
        "about": f"scores of {point.run}" + (f" and {held_out.run}" if held_out else ""),
        "columns": {name: each.cost for name, (each, _) in columns.items()},
    }
    with usable(output.parent), atomic_write(output) as partial:
        table.write_parquet(partial, metadata={METADATA: json.dumps(about)})
    return table


def _reference(point: Point, workdir: Path, cache: Path) -> Reference:
    directory = locate_run(workdir, point.run, cache=cache)
    require(directory.status() == "finished", f"{directory} has not finished: it cannot score")
    selection = point.config.data.selection
    require(
        selection == "random", f"{point.run} was trained by the rule {selection}: a reference is by random"
    )
    return Reference(point, directory, prepare_store(point.config, cache))


def _seen(pieces: Pieces, references: list[Reference]) -> np.ndarray:
    """Which pieces a reference has read a part of, bool [pieces]."""
    spans = [reference.seen for reference in references]
    ends = pieces.starts + pieces.sizes
    return np.any([(ends > first) & (pieces.starts < last) for first, last in spans], axis=0)


def piece_losses(reference: Reference, params: Any, pieces: Pieces) -> np.ndarray:
    """The mean loss of the tokens of each piece, nats, float64 [pieces].

    Tokens are scored in sequences of the model's context, as in training.
    """
    losses = np.concatenate(list(_token_losses(reference, params)))
    return means(losses, 1, pieces)


def _token_losses(reference: Reference, params: Any) -> Iterator[np.ndarray]:
    """The loss of the training tokens from the second on, float32 [tokens], a part at a time."""
    config, store = reference.point.config, reference.store
    mesh, context = make_mesh(config.mesh), config.model.context
    rows = max(1, AT_ONCE // context)
    for first in range(0, whole_sequences(store, "train", context), rows):
        evaluate = Evaluator(config, mesh, store, "train", rows * context, first)
        yield evaluate.token_losses(params).ravel().astype(np.float32)
