"""What goes into a training step and what comes out of it: the state, the scalars, the metrics."""

from typing import Any, NamedTuple


class TrainState(NamedTuple):
    """All that a checkpoint holds. `step` counts the optimiser steps done; data and schedule follow from it.

    The leaves are arrays, or shardings or shapes in their places.
    """

    params: Any
    optimizer: Any
    step: Any


class StepMetrics(NamedTuple):
    """Metrics of one step: mean loss in nats per token, norm of the gradient before clipping.

    `g_squared` and `trace_sigma` are estimates of |G|^2 and of the variance of a token's gradient, NaN for a
    step of one pass (`quarry.train.record.gradient_noise`).
    """

    loss: Any
    grad_norm: Any
    g_squared: Any
    trace_sigma: Any


class StepScalars(NamedTuple):
    """The scalars in which runs of one compiled program may differ, beside state and batch."""

    learning_rate: Any
    weight_decay: Any
    dropout_seed: Any
