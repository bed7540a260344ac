"""AdamW from optax. The caller supplies rate and decay, so that one compiled step serves all their values."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import optax

if TYPE_CHECKING:
    from quarry.model.config import ModelConfig
    from quarry.train.config.experiment import Experiment


def adamw(experiment: "Experiment", weight_decay: Any) -> optax.GradientTransformation:
    """Clip by global norm, Adam, decoupled weight decay on matrices (all but biases, gains and offsets).

    The caller multiplies the update, decay included, by minus the learning rate (AdamW, 1711.05101, as in
    `optax.adamw`). `weight_decay` is a scalar and replaces the configured one.

    Away from the base shape of muP and CompleteP (2505.01618, table 1, alpha = 1), with width ratio m: Adam's
    part of the update of the blocks' matrices is divided by m; epsilon is divided by m, in the blocks also by
    the depth ratio (the gradient is multiplied instead, which is the same). The decay of a step stays rate x
    decay for all, which is that table's decay x m at a rate / m.
    """
    config, model = experiment.optimizer, experiment.model
    parts = [optax.scale_by_adam(config.beta1, config.beta2, config.epsilon)]
    if (model.width_ratio, model.depth_ratio) != (1, 1):
        parts = [_multiplied(_over_epsilon, model), *parts, _multiplied(_over_rate, model)]
    decay = optax.add_decayed_weights(weight_decay, mask=matrices)
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), *parts, decay)


def _multiplied(factor: Callable[[Any, "ModelConfig"], float], model: "ModelConfig") -> Any:
    """Multiplies the update of each parameter by a factor of its path."""
    return optax.stateless(
        lambda updates, _: jax.tree.map_with_path(lambda path, leaf: leaf * factor(path, model), updates)
    )


def _over_epsilon(path: Any, model: "ModelConfig") -> float:
    """By what epsilon is divided."""
    return model.width_ratio * (model.depth_ratio if _in_blocks(path) else 1.0)


def _over_rate(path: Any, model: "ModelConfig") -> float:
    """The share of the rate for a parameter: all for gains, biases, the embedding and the head."""
    return 1 / model.width_ratio if _in_blocks(path) and path[-1].key == "kernel" else 1.0


def _in_blocks(path: Any) -> bool:
    return path[0].key == "blocks"


def matrices(params: Any) -> Any:
    """True for each parameter that weight decay applies to."""
    vectors = ("bias", "scale", "offset")
    return jax.tree.map_with_path(lambda path, _: path[-1].key not in vectors, params)
