"""What an online rule subtracts: the loss of a finished run, the reference, on each sequence of U.

The loss of a sequence never changes, so it is computed once in a process, when the sequence is first a
candidate; a resumed run computes it again. It is in fp32, as held-out losses are.
"""

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jax.sharding import Mesh

from quarry.checks import require
from quarry.model.config import ModelConfig
from quarry.model.counting import flops_6n
from quarry.model.sharding import batch_shards
from quarry.train.config.experiment import PROGRAMS_KEPT, Experiment
from quarry.train.config.selection import rule_before_training
from quarry.train.data.selection.draws import places
from quarry.train.data.selection.pieces import Pieces, shared_tokens
from quarry.train.hosts.agreement import broadcast_from_first
from quarry.train.record.bucket import bucket_address
from quarry.train.record.locations import locate_run
from quarry.train.run.choosing import row_losses
from quarry.train.run.evaluation import jit_scores, most_rows
from quarry.train.run.fingerprint import fingerprint
from quarry.train.run.micro_batches import even_passes
from quarry.train.run.sizes import RunSizes, prepare_store, resolve_sizes

if TYPE_CHECKING:
    from quarry.train.data.store import TokenStore
    from quarry.train.run.finished import TrainedModel


class ReferenceLosses:
    """The reference's mean loss of sequences of U, nats per token. All hosts make and call it together.

    `identity` is what the record says of the reference: no other may take its place.
    """

    def __init__(self, model: "TrainedModel", mesh: Mesh, first: int, n_sequences: int):
        self.model, self._mesh, self._first = model, mesh, first
        self._known = np.full(n_sequences, np.nan, np.float32)
        self.identity = {"run": model.run, "fingerprint": fingerprint(model.params)}

    def __call__(self, ids_C: np.ndarray, inputs_CxT: Any, targets_CxT: Any) -> np.ndarray:
        """The losses [C], float32, of the sequences `ids_C` of the store, whose tokens are given."""
        places = ids_C - self._first
        if np.isnan(self._known[places]).any():
            rows = most_rows(self.model.experiment, self._mesh)
            passes = even_passes(len(ids_C), rows, batch_shards(self._mesh))
            score = _program(self.model.experiment.model, self._mesh, passes)
            self._known[places] = np.asarray(score(self.model.params, inputs_CxT, targets_CxT))
        return self._known[places]

    def flops(self, scored: int) -> float:
        """FLOPs of its whole training, 6 N E, and of forward passes over `scored` tokens, 2 N each."""
        experiment = self.model.experiment
        trained = resolve_sizes(experiment, self.model.store).tokens
        return flops_6n(experiment.model) * (trained + scored / 3)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _program(model: ModelConfig, mesh: Mesh, passes: int) -> Any:
    """The jitted (params, inputs [C, T], targets [C, T]) -> losses of rows [C], nats per token."""
    return jit_scores(model, mesh, functools.partial(row_losses, passes=passes))


def open_reference(
    experiment: Experiment, store: "TokenStore", sizes: RunSizes, mesh: Mesh, cache: Path
) -> ReferenceLosses | None:
    """The reference that the rule of the experiment names; None if it names none.

    Raises ConfigError if that run has not finished, cannot be read, or does not fit: other tokens, another
    context, or some of the run's U tokens among those it was trained on.
    """
    if experiment.online is None or not experiment.online.reference:
        return None
    from quarry.train.run.finished import read_trained  # few runs have a reference

    path = Path(experiment.online.reference).expanduser()
    path = path if bucket_address(path) else path.absolute()
    directory = locate_run(path.parent.parent, f"{path.parent.name}/{path.name}", cache=cache)
    broadcast_from_first(directory.fetch)
    status = broadcast_from_first(directory.status)
    require(status == "finished", f"data.selection = online:rho: reference = {path} is no finished run")
    model = read_trained(path, cache, experiment.mesh)
    _check_fits(experiment, store, sizes, model, cache)
    first = experiment.data.draw * sizes.n_sequences
    return ReferenceLosses(model, mesh, first, sizes.n_sequences)


def _check_fits(
    experiment: Experiment, store: "TokenStore", sizes: RunSizes, model: "TrainedModel", cache: Path
) -> None:
    rule, other = f"data.selection = online:rho: the reference {model.run}", model.experiment
    require(
        store.tokenizer.definition == model.tokenizer.definition,
        f"{rule} reads tokens of {other.data.tokenizer}, not the same ones as this run, of "
        f"{experiment.data.tokenizer}",
    )
    require(
        other.model.context == experiment.model.context,
        f"{rule} has model.context = {other.model.context}, this run {experiment.model.context}",
    )
    (pool, read), (other_pool, its) = _text(experiment, store, cache), _text(other, model.store, cache)
    shared = shared_tokens(its, read) if pool == other_pool else 0
    require(
        shared == 0,
        f"{rule} was trained on {shared:,} of the {sizes.unique_tokens:,} unique tokens of this run; train "
        f"it with data.selection = {rule_before_training(experiment.data.selection)} and another data.draw",
    )


def _text(experiment: Experiment, store: "TokenStore", cache: Path) -> tuple[str, Pieces]:
    """The digest of the training text before any rule, and where in it the U tokens of a run lie."""
    plain = dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, selection="random"))
    pool = prepare_store(plain, cache, verify=False).manifest["splits"]["train"]["sha256"]
    unique = resolve_sizes(experiment, store).unique_tokens
    first = experiment.data.draw * unique
    return pool, places(store, first, first + unique)


def choosing_facts(
    experiment: Experiment, sizes: RunSizes, reference: ReferenceLosses | None
) -> dict[str, Any]:
    """The fields of run.json about an online rule; none without one.

    `tokens_scored`, those of all candidates; `flops_selection`, of the reference: its training, and its loss
    of each sequence once; `flops_selection_per_token`, for each token trained on: 2 N for each candidate.
    """
    if experiment.online is None:
        return {}
    scored = experiment.candidates * sizes.tokens
    facts = {
        "tokens_scored": scored,
        "flops_selection_per_token": experiment.candidates * flops_6n(experiment.model) / 3,
    }
    if reference is None:
        return facts
    flops = reference.flops(min(scored, sizes.unique_tokens))
    return facts | {"flops_selection": flops, "reference": reference.identity}
