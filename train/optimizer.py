"""AdamW from optax, the learning rate left to the caller so that one compiled step serves every schedule."""

import jax
import optax

from train.experiment import OptimizerConfig


def adamw(config: OptimizerConfig) -> optax.GradientTransformation:
    """Clip by global norm, Adam, decoupled weight decay on matrices.

    The update is to be multiplied by minus the learning rate, the decay with it (AdamW, 1711.05101, as in
    `optax.adamw`).
    """
    matrices = lambda params: jax.tree.map(lambda leaf: leaf.ndim >= 2, params)  # noqa: E731
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.scale_by_adam(config.beta1, config.beta2, config.epsilon),
        optax.add_decayed_weights(config.weight_decay, mask=matrices),
    )
