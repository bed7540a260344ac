"""What a point will take, before anything runs: for `quarry sweep --dry-run`.

Rough by design: exact FLOPs over a share of the rate that this machine's core shows on a small matrix
product, and a constant per token and per point.
"""

import time

import numpy as np

from quarry.model.config import ModelConfig
from quarry.model.counting import count_parameters, flops_exact
from quarry.train.config.experiment import Experiment

TRAINING_SHARE = 0.65
"""Of a core's matrix-product rate, reached by the products inside training steps at d_model 16 to 128."""
TOKEN_SECONDS = 5e-6
"""Per token, for all that is no matrix product, at these sizes."""
STARTUP_SECONDS = 4.0
"""Imports, compilation and the first checkpoint. These four are our measurements on the quickstart ladder
(experiments/results/LOG.md)."""
BRANCH_SECONDS = 1.0
"""Of a branch, which shares its trunk's process and programs; ours too."""
PROCESS_BYTES = 430 * 2**20
"""A process with JAX, Orbax and Grain loaded, before any array."""


def matmul_flops_per_second(size: int = 64, seconds: float = 0.3) -> float:
    """What one core does in a float32 matrix product, in FLOP/s.

    Counted in processor time, against the noise of other processes, and on a product too small for the linear
    algebra library to start its threads, which would count for more than one core.
    """
    a = np.ones((size, size), np.float32)
    product = a @ a
    began, count = time.process_time(), 0
    while time.process_time() - began < seconds:
        np.matmul(a, a, out=product)
        count += 1
    return 2 * size**3 * count / (time.process_time() - began)


def seconds(experiment: Experiment, tokens: int, flops_per_second: float, branch: bool = False) -> float:
    """Time for `tokens` of a point on one core whose matrix products run at `flops_per_second`."""
    products = flops_exact(experiment.model) / (TRAINING_SHARE * flops_per_second)
    return (BRANCH_SECONDS if branch else STARTUP_SECONDS) + tokens * (TOKEN_SECONDS + products)


def memory_bytes(experiment: Experiment) -> int:
    """Peak memory: the process, parameters with gradient and moments, one micro-batch's activations."""
    state = 4 * 4 * count_parameters(experiment.model).total
    tokens = min(experiment.micro_batch_tokens or max(512, experiment.model.context), experiment.batch_tokens)
    return PROCESS_BYTES + state + 4 * tokens * activations_per_token(experiment.model)


def activations_per_token(model: ModelConfig) -> int:
    """Values kept per token for the backward pass: per layer the block's inputs, maps and attention weights,
    then logits and their gradient."""
    per_layer = 8 * model.d_model + 6 * model.d_attn + 3 * model.d_hidden + 3 * model.n_heads * model.context
    return model.n_layers * per_layer + 3 * model.vocab_size
