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
    """Metrics of one step: mean loss in nats per token, norm of the gradient before clipping."""

    loss: Any
    grad_norm: Any


class StepScalars(NamedTuple):
    """The scalars in which runs of one compiled program may differ, beside state and batch."""

    learning_rate: Any
    weight_decay: Any
    dropout_seed: Any
