"""Estimates of the time and memory of a point, for `quarry sweep --dry-run`.

Rough by design: exact FLOPs over a share of the rate that one core of this machine reaches on a small matrix
product, plus a constant per token and per point.
"""

import time

import numpy as np

from quarry.model.config import ModelConfig
from quarry.model.counting import flops_exact, training_bytes
from quarry.train.config.experiment import Experiment

TRAINING_SHARE = 0.65
"""Share of a core's matrix-product rate that training steps reach at d_model 16 to 128."""
TOKEN_SECONDS = 5e-6
"""Time per token for everything but matrix products, at these sizes."""
STARTUP_SECONDS = 4.0
"""Imports, compilation and the first checkpoint. All four were measured on a ladder of the quickstart
(experiments/results/LOG.md)."""
BRANCH_SECONDS = 1.0
"""The same for a branch, which shares its trunk's process and programs."""
PROCESS_BYTES = 430 * 2**20
"""A process with JAX, Orbax and Grain loaded, before any array."""


def matmul_flops_per_second(size: int = 64, seconds: float = 0.3) -> float:
    """The rate of one core in a float32 matrix product, in FLOP/s.

    It is measured in processor time, so that other processes do not matter, and on a product too small for
    the linear algebra library to start threads.
    """
    a = np.ones((size, size), np.float32)
    product = a @ a
    began, count = time.process_time(), 0
    while time.process_time() - began < seconds:
        np.matmul(a, a, out=product)
        count += 1
    return 2 * size**3 * count / (time.process_time() - began)


def seconds(experiment: Experiment, tokens: int, flops_per_second: float, branch: bool = False) -> float:
    """Seconds for `tokens` of a point on one core whose matrix products run at `flops_per_second`."""
    scoring = experiment.candidates / 3 if experiment.online else 0  # forward passes, a third of a step's
    products = (1 + scoring) * flops_exact(experiment.model) / (TRAINING_SHARE * flops_per_second)
    return (BRANCH_SECONDS if branch else STARTUP_SECONDS) + tokens * (TOKEN_SECONDS + products)


def memory_bytes(experiment: Experiment) -> int:
    """Peak memory: process, parameters with gradient and moments, activations of one micro-batch."""
    tokens = min(experiment.micro_batch_tokens or max(512, experiment.model.context), experiment.batch_tokens)
    return (
        PROCESS_BYTES
        + training_bytes(experiment.model)
        + 4 * tokens * activations_per_token(experiment.model)
    )


def activations_per_token(model: ModelConfig) -> int:
    """Values saved per token for the backward pass: in each layer inputs, projections and attention weights,
    or an LSTM's gates and states, then logits and their gradient."""
    if model.architecture == "lstm":
        return model.n_layers * 16 * model.d_model + 3 * model.vocab_size
    per_layer = 8 * model.d_model + 6 * model.d_attn + 3 * model.d_hidden + 3 * model.n_heads * model.context
    return model.n_layers * per_layer + 3 * model.vocab_size
