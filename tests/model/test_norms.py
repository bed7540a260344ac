"""The norms and their hand-written gradients equal what differentiation makes of the plain formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quarry.model.norms import EPSILON, normalise


def plain(x, scale, centred):
    y = x - x.mean(-1, keepdims=True) if centred else x
    return (
        y
        / jnp.sqrt(jnp.square(y).mean(-1, keepdims=True) + EPSILON)
        * jnp.expand_dims(scale, range(x.ndim - 1))
    )


@pytest.mark.slow
@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8)])
def test_values_and_gradients(shape, centred):
    x, weights = jax.random.normal(jax.random.key(0), (2, *shape))
    scale = 1 + jax.random.normal(jax.random.key(1), (shape[-1],))

    def total(f, x, scale):
        return (f(3 * x + 1, scale, centred) * weights).sum()

    gradient = jax.jit(jax.value_and_grad(total, argnums=(1, 2)), static_argnums=0)
    results = (gradient(f, x, scale) for f in (normalise, plain))
    for found, expected in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_is_kept_for_the_gradient_is_the_input():
    x = jnp.ones((64, 16), jnp.bfloat16)
    _, backward = jax.vjp(lambda x: normalise(x, jnp.ones(16), False), x)
    assert all(leaf.dtype == jnp.bfloat16 or leaf.ndim < 2 for leaf in jax.tree.leaves(backward))
