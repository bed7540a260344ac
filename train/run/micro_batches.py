"""How a batch is split into the forward and backward passes of one step."""

from typing import TYPE_CHECKING

from jax.sharding import AbstractMesh, Mesh

from quarry.checks import require
from quarry.model.sharding import batch_shards, on_cpu

if TYPE_CHECKING:
    from quarry.train.config.experiment import Experiment

CPU_MICRO_BATCH_TOKENS = 512
"""On one core, at d_model 16 to 128, passes of 512 tokens took 0.70 to 0.83 of the time of passes of 1,024.
Shorter passes gained little more (experiments/results/LOG.md)."""


def micro_batch_rows(experiment: "Experiment", mesh: Mesh | AbstractMesh) -> int:
    """The largest number of sequences in one forward and backward pass, over all devices."""
    context, tokens = experiment.model.context, experiment.micro_batch_tokens
    if tokens is None:
        tokens = CPU_MICRO_BATCH_TOKENS if on_cpu(mesh) else experiment.batch_tokens
    return max(1, tokens // context) * batch_shards(mesh)


def micro_batches(experiment: "Experiment", mesh: Mesh | AbstractMesh) -> int:
    """Passes per step: the fewest that split every device's rows evenly within `micro_batch_rows`.

    Raises ConfigError if the batch does not divide evenly over the devices.
    """
    rows, shards = experiment.batch_tokens // experiment.model.context, batch_shards(mesh)
    require(
        rows % shards == 0,
        f"batch_tokens = {experiment.batch_tokens} is {rows} sequences, not a multiple of {shards} devices",
    )
    return even_passes(rows, micro_batch_rows(experiment, mesh), shards)


def even_passes(rows: int, most: int, shards: int) -> int:
    """The fewest passes of at most `most` of the `rows` that split every shard's rows evenly."""
    return next(n for n in range(-(-rows // most), rows + 1) if rows % (n * shards) == 0)
