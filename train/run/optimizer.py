"""AdamW from optax. The caller supplies rate and decay, so that one compiled step serves all their values."""

from typing import TYPE_CHECKING, Any

import jax
import optax

if TYPE_CHECKING:
    from quarry.train.config.experiment import OptimizerConfig


def adamw(config: "OptimizerConfig", weight_decay: Any) -> optax.GradientTransformation:
    """Clip by global norm, Adam, decoupled weight decay on matrices (all but biases, gains and offsets).

    The caller multiplies the update, decay included, by minus the learning rate (AdamW, 1711.05101, as in
    `optax.adamw`). `weight_decay` is a scalar and replaces the configured one.
    """
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.scale_by_adam(config.beta1, config.beta2, config.epsilon),
        optax.add_decayed_weights(weight_decay, mask=matrices),
    )


def matrices(params: Any) -> Any:
    """True for each parameter that weight decay applies to."""
    vectors = ("bias", "scale", "offset")
    return jax.tree.map_with_path(lambda path, _: path[-1].key not in vectors, params)
