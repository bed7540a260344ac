"""Layers of long short-term memory, for comparison with blocks of attention at equal size, data and record.

Dimensions: B batch, T time, D width, M = B*T rows.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from quarry.model.config import ModelConfig
from quarry.model.layers import Keys
from quarry.model.parts import Norm, apply_dropout, normal
from quarry.model.products import product
from quarry.model.sharding import constrain


class Lstm(nnx.Module):
    """Long short-term memory (Hochreiter & Schmidhuber 1997), its state zero before the first token.

    The four gates, each D wide: input, forget, output, and the new value. The forget gate is open at first
    (bias 1; Jozefowicz 2015, PMLR 37).
    """

    def __init__(self, keys: Keys, config: ModelConfig):
        D, axes = config.d_model, ("d_model", None)
        self.kernel = normal(keys, config, (D, 4 * D), D**-0.5, axes)
        self.recurrent = normal(keys, config, (D, 4 * D), D**-0.5, axes)
        forget_open = jnp.zeros(4 * D, config.param_dtype).at[D : 2 * D].set(1)
        self.bias = nnx.Param(forget_open, axes=(None,))

    def __call__(self, x_MxD: Float[Array, "M D"], T: int) -> Float[Array, "M D"]:
        D, dtype = x_MxD.shape[1], x_MxD.dtype
        kernel, recurrent, bias = (p[...].astype(dtype) for p in (self.kernel, self.recurrent, self.bias))
        gates_BxTx4D = (product(x_MxD, kernel) + bias[None]).reshape(-1, T, 4 * D)

        def step(state: tuple[Array, Array], gates_Bx4D: Array) -> tuple[tuple[Array, Array], Array]:
            out_BxD, memory_BxD = state
            write, keep, read, new = jnp.split(gates_Bx4D + product(out_BxD, recurrent), 4, axis=1)
            memory_BxD = jax.nn.sigmoid(keep) * memory_BxD + jax.nn.sigmoid(write) * jnp.tanh(new)
            out_BxD = jax.nn.sigmoid(read) * jnp.tanh(memory_BxD)
            return (out_BxD, memory_BxD), out_BxD

        nothing_BxD = jnp.zeros((gates_BxTx4D.shape[0], D), dtype)
        _, out_TxBxD = jax.lax.scan(step, (nothing_BxD, nothing_BxD), gates_BxTx4D.swapaxes(0, 1))
        return out_TxBxD.swapaxes(0, 1).reshape(-1, D)


class LstmLayer(nnx.Module):
    """x + lstm(norm(x))."""

    def __init__(self, keys: Keys, config: ModelConfig):
        self.dropout = config.dropout
        self.norm = Norm(config, config.d_model)
        self.lstm = Lstm(keys, config)

    def __call__(self, x_MxD: Float[Array, "M D"], T: int, key: jax.Array | None) -> Float[Array, "M D"]:
        y_MxD = self.lstm(self.norm(x_MxD), T)
        return constrain(x_MxD + apply_dropout(y_MxD, self.dropout, key), "batch", None)
