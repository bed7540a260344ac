"""The noise scale of a run whose steps are of one pass, measured on parts of a batch at each evaluation."""

import functools
from typing import TYPE_CHECKING, Any

import jax
import optax
from jax.sharding import AbstractMesh, Mesh
from jaxtyping import Array

from quarry.checks import require
from quarry.model.sharding import batch_sharding, batch_shards, parameter_shardings, replicated, use_mesh
from quarry.model.transformer import Params, abstract
from quarry.train.config.experiment import PROGRAMS_KEPT
from quarry.train.data.feed import feed
from quarry.train.hosts.host_rows import HostRows
from quarry.train.record.gradient_noise import COLUMNS, NoiseScale, gradient_noise
from quarry.train.run.micro_batches import micro_batches
from quarry.train.run.step import mean_over_passes
from quarry.train.run.step_inputs import at_stage, batch_order

if TYPE_CHECKING:
    from quarry.model.config import ModelConfig
    from quarry.train.config.experiment import Experiment
    from quarry.train.run.context import RunContext


def check_parts(experiment: "Experiment", mesh: Mesh | AbstractMesh) -> None:
    """Raise ConfigError if a batch does not divide into `evaluation.noise_parts` on every device."""
    parts, rows = experiment.evaluation.noise_parts, experiment.batch_tokens // experiment.model.context
    require(
        not parts or rows % (parts * batch_shards(mesh)) == 0,
        f"evaluation.noise_parts = {parts} does not divide batch_tokens = {experiment.batch_tokens}, {rows} "
        f"sequences, on {batch_shards(mesh)} devices; choose a divisor, or 0 for no measurement",
    )


def probe(run: "RunContext", step: int, params: Params) -> dict[str, float | None]:
    """g_squared, trace_sigma and noise_scale of the batch after `step`, without dropout; empty if not asked.

    It costs the forward and backward pass of one step. Where steps have several passes it is not needed.
    """
    parts, stage = run.experiment.evaluation.noise_parts, run.experiment.ramp.stage(step - 1)
    if not parts or micro_batches(at_stage(run.experiment, stage), run.mesh) > 1:
        return {}
    whole = HostRows(run.mesh, stage.sequences)
    (batch,) = feed(
        run.store,
        batch_order(run),
        context=run.experiment.model.context,
        batch_sequences=stage.sequences,
        first=run.position(step),
        steps=1,
        rows=whole.rows,
    )
    measure = _program(run.experiment.model, run.mesh, parts)
    found = measure(params, whole.global_array(batch.inputs_BxT), whole.global_array(batch.targets_BxT))
    values: dict[str, float | None] = dict(zip(COLUMNS, map(float, found), strict=True))
    return values | {"noise_scale": NoiseScale([values]).tokens}


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def _program(model: "ModelConfig", mesh: Mesh, parts: int) -> Any:
    """The jitted (params, inputs [B, T], targets [B, T]) -> |G|^2, tr Sigma per token."""
    graph, shapes, axes = abstract(model)

    def measure(params: Params, inputs_BxT: Array, targets_BxT: Array) -> tuple[Array, Array]:
        with use_mesh(mesh):
            _, gradient, square = mean_over_passes(graph, params, inputs_BxT, targets_BxT, parts)
        tokens = inputs_BxT.size
        return gradient_noise(square, optax.tree.norm(gradient, squared=True), tokens / parts, tokens)

    rows, params = batch_sharding(mesh), parameter_shardings(mesh, shapes, axes)
    return jax.jit(measure, in_shardings=(params, rows, rows), out_shardings=replicated(mesh))
