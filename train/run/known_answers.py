"""What is known of a run before it learns: its source's entropy rate and the least loss from its tokens.

Known only of synthetic corpora read by the tokenizer `bytes`; of others every function gives no field.
"""

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from quarry.train.data.feed import sequence_rows
from quarry.train.data.synthetic_corpus import known_world
from quarry.train.hosts.agreement import process_count
from quarry.train.run.step_inputs import batch_order

if TYPE_CHECKING:
    from quarry.model.transformer import Params
    from quarry.train.config.experiment import Experiment
    from quarry.train.data.store import TokenStore
    from quarry.train.data.synthetic.world import World
    from quarry.train.run.context import RunContext
    from quarry.train.run.evaluation import Evaluator
    from quarry.train.run.sizes import RunSizes


def answers_of_run(
    experiment: "Experiment", sizes: "RunSizes", store: "TokenStore"
) -> dict[str, float | None]:
    """`entropy_rate` of the source and `floor`, L*(U) of the run's U tokens; nats per token."""
    world = _world(experiment)
    if world is None:
        return {}
    first = experiment.data.draw * sizes.n_sequences
    ids = np.arange(first, first + sizes.n_sequences)
    return {
        "entropy_rate": world.entropy_rate,
        "floor": _floor(world, store, ids, experiment.model.context),
    }


def answers_at(
    run: "RunContext", step: int, evaluator: "Evaluator", params: "Params"
) -> dict[str, float | None]:
    """What is known at `step`, nats per token.

    `floor_seen`, L* of the distinct tokens seen so far; `source_loss`, of the source on the scored text; and,
    after the last step on one host, `kl`, the mean KL(source || model) there.
    """
    world = _world(run.experiment)
    if world is None:
        return {}
    seen = min(run.position(step), run.sizes.n_sequences)
    ids = batch_order(run).sequence_ids(np.arange(seen))
    floor = _floor(world, run.store, ids, run.experiment.model.context)
    answers = {"floor_seen": floor, "source_loss": _source_loss(world, evaluator)}
    if step == run.sizes.steps and process_count() == 1:
        answers["kl"] = evaluator.divergence(params, world.conditionals)
    return answers


_SOURCE_LOSSES: "WeakKeyDictionary[Evaluator, float | None]" = WeakKeyDictionary()
"""By evaluator, without keeping it alive: it holds the text and a compiled program."""


def _source_loss(world: "World", evaluator: "Evaluator") -> float | None:
    """The source's loss on the scored text, computed once for a split: a teacher's takes a forward pass."""
    if evaluator not in _SOURCE_LOSSES:
        _SOURCE_LOSSES[evaluator] = world.loss(evaluator.text)
    return _SOURCE_LOSSES[evaluator]


def _world(experiment: "Experiment") -> "World | None":
    return known_world(experiment.data.corpus, experiment.data.tokenizer)


def _floor(world: "World", store: "TokenStore", ids: np.ndarray, context: int) -> float | None:
    return world.floor(sequence_rows(store.reader("train"), ids, context))
