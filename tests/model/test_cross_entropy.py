"""Logits made a chunk at a time give the loss and the gradients of logits made at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quarry.model import cross_entropy
from quarry.model.cross_entropy import chunks, mean_loss, token_losses

B, T, D, V = 2, 12, 8, 10


@pytest.fixture
def pieces():
    keys = jax.random.split(jax.random.key(0), 3)
    y, head = jax.random.normal(keys[0], (B * T, D)), jax.random.normal(keys[1], (D, V))
    return y, head, jax.random.randint(keys[2], (B, T), 0, V)


def expected(y, head, targets):
    return -jax.nn.log_softmax(y @ head)[jnp.arange(B * T), targets.reshape(-1)]


@pytest.mark.slow
@pytest.mark.parametrize(("most", "count"), [(2**28, 1), (B * 6 * V, 2), (B * 3 * V, 4), (1, T)])
def test_any_number_of_chunks_gives_the_same(most, count, pieces, monkeypatch):
    monkeypatch.setattr(cross_entropy, "MOST_LOGITS", most)
    assert chunks((B, T), V) == count
    each = jax.jit(lambda *pieces: expected(*pieces))(*pieces)
    np.testing.assert_allclose(jax.jit(lambda *a: token_losses(*a))(*pieces), each, atol=1e-5)
    mean, found = jax.jit(jax.value_and_grad(lambda *a: 3 * mean_loss(*a), argnums=(0, 1)))(*pieces)
    np.testing.assert_allclose(mean, 3 * each.mean(), rtol=1e-5)
    wanted = jax.jit(jax.grad(lambda *a: 3 * expected(*a).mean(), argnums=(0, 1)))(*pieces)
    for ours, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.slow
def test_gradients_in_bf16_are_those_of_fp32_but_for_rounding(pieces, monkeypatch):
    monkeypatch.setattr(cross_entropy, "MOST_LOGITS", B * 3 * V)
    y, head, targets = pieces
    gradient = jax.jit(jax.grad(lambda *pieces: mean_loss(*pieces), argnums=(0, 1)))
    low = gradient(y.astype(jnp.bfloat16), head.astype(jnp.bfloat16), targets)
    full = gradient(y, head, targets)
    for found, wanted in zip(low, full, strict=True):
        assert found.dtype == jnp.bfloat16
        np.testing.assert_allclose(found.astype(jnp.float32), wanted, atol=0.02 * float(abs(wanted).max()))


def test_logits_never_exist_whole(pieces, monkeypatch):
    program = lambda: jax.jit(jax.grad(mean_loss)).lower(*pieces).compile().as_text()  # noqa: E731
    whole = f"f32[{B * T},{V}]"
    assert whole in program()
    monkeypatch.setattr(cross_entropy, "MOST_LOGITS", B * 3 * V)
    assert whole not in program()
    assert f"f32[{B * 3},{V}]" in program()
