"""The step of an online rule: it scores candidates, and trains on those of the highest score.

The score of a sequence is its mean loss under the parameters before the step, without dropout, less what the
caller subtracts: a reference's loss on it, or nothing. The choice is a function of state and candidates, so a
resumed run chooses as before.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from quarry.model.sharding import constrain, use_mesh
from quarry.model.transformer import Params, abstract, token_losses
from quarry.train.run.micro_batches import micro_batches
from quarry.train.run.train_state import StepMetrics, StepScalars, TrainState

if TYPE_CHECKING:
    from quarry.train.config.experiment import Experiment

Step = Callable[[TrainState, Array, Array, StepScalars], tuple[TrainState, StepMetrics]]


def choosing_first(step: Step, experiment: "Experiment", mesh: Mesh) -> Callable[..., Any]:
    """(state, inputs [C, T], targets [C, T], subtracted [C], scalars): `step` on the B rows it chooses.

    Candidates are scored in passes of as many rows as those of `step`.
    """
    (graph, _, _), count = abstract(experiment.model), experiment.batch_tokens // experiment.model.context
    passes = micro_batches(experiment, mesh) * experiment.candidates

    def choose_and_step(
        state: TrainState, inputs_CxT: Array, targets_CxT: Array, subtracted_C: Array, scalars: StepScalars
    ) -> tuple[TrainState, StepMetrics]:
        with use_mesh(mesh):
            losses_C = row_losses(graph, state.params, inputs_CxT, targets_CxT, passes)
            chosen_B = highest(losses_C - subtracted_C, count)
            inputs_BxT, targets_BxT = (
                constrain(rows_CxT[chosen_B], "batch", None) for rows_CxT in (inputs_CxT, targets_CxT)
            )
        return step(state, inputs_BxT, targets_BxT, scalars)

    return choose_and_step


def row_losses(
    graph: Any, params: Params, inputs_CxT: Array, targets_CxT: Array, passes: int
) -> Float[Array, " C"]:
    """The mean loss of each row, nats per token, of `passes` equal parts of the rows one after the other."""
    length = inputs_CxT.shape[1]
    parts = [rows.reshape(-1, passes, length).swapaxes(0, 1) for rows in (inputs_CxT, targets_CxT)]
    losses_PxM = jax.lax.map(lambda part: token_losses(graph, params, *part), parts)
    return losses_PxM.reshape(passes, -1, length).mean(-1).T.reshape(-1)


def highest(scores_C: Float[Array, " C"], count: int) -> Int[Array, " B"]:
    """The positions of the `count` highest scores, in rising order: rows stay in the order of the feed."""
    return jnp.sort(jax.lax.top_k(scores_C, count)[1])
