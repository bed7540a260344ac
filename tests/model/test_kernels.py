"""What each platform runs equals what is written in so many words."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quarry.model.attention import causal_attention, plain_attention
from quarry.model.kernels import cpu, gpu


def drawn(*shape, count=3, dtype=jnp.float32):
    keys = jax.random.split(jax.random.key(0), count)
    return [jax.random.normal(key, shape, dtype) for key in keys]


def attended(attend, q, k, v, weights):
    """A weighted sum of what is attended to, that itself, and the gradient: by one compiled program."""

    def loss(q, k, v):
        found = attend(q, k, v)
        return (found * weights).sum(), found

    (total, found), gradient = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))(q, k, v)
    return total, found, gradient


@pytest.mark.slow
@pytest.mark.parametrize("lead", [(3,), (2, 2)], ids=["one axis", "rows and heads"])
@pytest.mark.parametrize("T", [1, 64, 65, 300])
def test_attention_in_blocks_and_its_gradient_equal_the_plain_ones(T, lead):
    q, k, v, weights = drawn(*lead, T, 8, count=4)
    ours, theirs = (
        attended(cpu.causal_attention, q, k, v, weights),
        attended(plain_attention, q, k, v, weights),
    )
    for found in (ours[1], jax.jit(causal_attention)(q, k, v)):
        np.testing.assert_allclose(found, theirs[1], atol=2e-6)
    for found, expected in zip(ours[2], theirs[2], strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.slow
def test_attention_in_blocks_in_bf16():
    q, k, v = drawn(2, 130, 16, dtype=jnp.bfloat16)
    found = jax.jit(cpu.causal_attention)(q, k, v)
    assert found.dtype == jnp.bfloat16
    exact = jax.jit(plain_attention)(*(x.astype(jnp.float32) for x in (q, k, v)))
    np.testing.assert_allclose(found.astype(jnp.float32), exact, atol=0.03)


@pytest.mark.slow
def test_scores_too_large_for_the_exponential_are_attended():
    q, k, v = drawn(1, 130, 8)
    found, _, gradients = attended(cpu.causal_attention, 1e3 * q, k, v, v)
    assert np.isfinite(found)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.slow
@pytest.mark.parametrize(("inner", "outer"), [(4, 6), (6, 4)])
def test_a_product_and_its_gradient_equal_the_plain_ones(inner, outer):
    (x,), (w,), (weights,) = (drawn(*shape, count=1) for shape in ((5, inner), (inner, outer), (5, outer)))
    results = (
        jax.jit(jax.value_and_grad(lambda x, w, f=f: (f(x, w) * weights).sum(), argnums=(0, 1)))(x, w)
        for f in (cpu.product, jnp.matmul)
    )
    for found, expected in zip(*map(jax.tree.leaves, results), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def contracted_first(f, *operands):
    """Products of the compiled gradient of `f` that contract the left operand's last axis but one."""
    gradient = jax.grad(lambda *operands: jnp.square(f(*operands)).sum(), argnums=tuple(range(len(operands))))
    program = jax.jit(gradient).lower(*operands).compile().as_text()
    products = re.findall(r"(\w+)\[([\d,]+)\]\S* dot\(.*lhs_contracting_dims=\{(\d)\}", program)
    assert products
    return sum(int(axis) == shape.count(",") - 1 for _, shape, axis in products)


@pytest.mark.slow
def test_no_compiled_product_takes_the_slow_form():
    """It does of the plain ones; so if XLA turns products by itself one day, this test says so."""
    x, w = jnp.ones((128, 64)), jnp.ones((64, 64))
    assert contracted_first(cpu.product, x, w) == 0
    assert contracted_first(jnp.matmul, x, w) > 0
    heads = [jnp.ones((2, 128, 16))] * 3
    assert contracted_first(cpu.causal_attention, *heads) == 0
    assert contracted_first(plain_attention, *heads) > 0


def test_cudnn_is_asked_only_for_what_it_has():
    good = jnp.zeros((2, 4, 16, 64), jnp.bfloat16)
    assert gpu.can_attend(good)
    assert not any(
        map(gpu.can_attend, (good.astype(jnp.float32), good[0], good[..., :60], jnp.tile(good, 4)))
    )
