import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from quarry.model.attention import causal_attention, rotary_tables, rotate
from quarry.model.config import modern
from quarry.model.cross_entropy import cross_entropy
from quarry.model.layers import seed_key, seed_words, words_key
from quarry.model.parts import apply_dropout
from quarry.model.transformer import abstract, apply, build, mean_loss
from tests.model.shapes import CONFIGS, SMALL, compiled, drawn

loss_and_gradient = jax.jit(jax.value_and_grad(mean_loss, argnums=1), static_argnums=0)


@pytest.fixture(scope="module")
def tokens():
    return jax.random.randint(jax.random.key(7), (3, SMALL["context"]), 0, SMALL["vocab_size"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_no_position_sees_what_comes_after_it(name, tokens):
    """Causality by gradient: the logits at t do not depend on the embedding of any token after t."""
    config = dataclasses.replace(CONFIGS[name], tied=False)
    graph, params = drawn(config)

    def logits_at(t: jax.Array, offset_TxD: jax.Array) -> jax.Array:
        shifted = params | {"embedding": jnp.concatenate([params["embedding"][tokens[0]] + offset_TxD])}
        return apply(graph, shifted, jnp.arange(config.context)[None])[t].sum()

    gradient = jax.jit(jax.grad(logits_at, argnums=1))
    zero = jnp.zeros((config.context, config.d_model))
    for t in (0, 3, config.context - 1):
        reached_T = np.abs(gradient(t, zero)).sum(-1)
        assert (reached_T[: t + 1] > 0).all()
        assert (reached_T[t + 1 :] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", CONFIGS)
def test_a_new_model_is_nearly_ignorant(name, tokens):
    losses = jax.jit(cross_entropy)(compiled(*drawn(CONFIGS[name]), tokens), tokens.reshape(-1))
    assert losses.dtype == jnp.float32
    assert float(losses.mean()) == pytest.approx(np.log(SMALL["vocab_size"]), abs=1.5)


@pytest.mark.slow
def test_parameters_follow_from_the_seed():
    first, again, other = (build(CONFIGS["modern"], seed)[1] for seed in (0, 0, 1))
    assert jax.tree.all(jax.tree.map(np.array_equal, first, again))
    assert not np.array_equal(first["embedding"], other["embedding"])


def test_all_64_bits_of_a_seed_count():
    seeds = (5, 5 + 2**32, 5 + 2**33)
    keys = [jax.random.key_data(seed_key(seed)).tolist() for seed in seeds]
    from_words = jax.jit(words_key)  # one program for all seeds
    assert keys == [jax.random.key_data(from_words(seed_words(seed))).tolist() for seed in seeds]
    assert from_words._cache_size() == 1
    assert keys[0] == jax.random.key_data(jax.random.key(5)).tolist()
    assert keys[0] != keys[1] != keys[2] != keys[0]


@pytest.mark.parametrize("name", CONFIGS)
def test_every_parameter_names_its_axes(name):
    _, shapes, axes = abstract(CONFIGS[name])
    named = jax.tree.map(lambda shape, names: len(shape.shape) == len(names), shapes, axes)
    assert jax.tree.all(named)


@pytest.mark.slow
def test_attention_equals_jaxs():
    q, k, v = jax.random.normal(jax.random.key(0), (3, 4, 2, 6, 8))
    ours = jax.jit(causal_attention)(q, k, v)
    attention = jax.jit(partial(jax.nn.dot_product_attention, is_causal=True))
    theirs = attention(*(np.swapaxes(x, 1, 2) for x in (q, k, v)))
    np.testing.assert_allclose(ours, theirs.swapaxes(1, 2), atol=1e-6)


@pytest.mark.slow
def test_rotary_scores_depend_on_the_distance_alone():
    tables = rotary_tables(16, 8)
    q, k = (jnp.broadcast_to(jax.random.normal(jax.random.key(i), (8,)), (1, 1, 16, 8)) for i in (0, 1))
    scores = np.einsum("bhtk,bhsk->ts", *(jax.jit(rotate)(x, *tables) for x in (q, k)))
    np.testing.assert_allclose(np.diag(scores, -3), scores[3, 0], rtol=1e-4)
    assert abs(scores[3, 0] - scores[4, 0]) > 1e-3


@pytest.mark.slow
def test_cross_entropy_is_minus_log_probability():
    logits = jax.random.normal(jax.random.key(0), (6, 10))
    targets = np.arange(6)
    expected = -special.log_softmax(logits, axis=-1)[np.arange(6), targets]
    np.testing.assert_allclose(jax.jit(cross_entropy)(logits, targets), expected, atol=1e-6)


@pytest.mark.slow
def test_bf16_compute_stays_close_to_fp32(tokens):
    config = modern(**SMALL)
    graph, params = drawn(config)
    half, _, _ = abstract(dataclasses.replace(config, compute_dtype="bfloat16"))
    np.testing.assert_allclose(compiled(half, params, tokens), compiled(graph, params, tokens), atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scan", "remat"),
    [
        *(("swiglu-bias", False, remat) for remat in ("full", "dots")),
        *(("swiglu-bias", True, remat) for remat in ("none", "full", "dots")),
        ("universal", True, "full"),
        ("lstm", True, "dots"),
    ],
)
def test_scanning_and_rematerialising_change_no_number(name, scan, remat, tokens):
    config = dataclasses.replace(CONFIGS[name], n_layers=3)
    graph, params = drawn(config)
    other, same = drawn(dataclasses.replace(config, scan_layers=scan, remat=remat))
    assert jax.tree.all(jax.tree.map(np.array_equal, params, same))
    both = (jax.tree.leaves(loss_and_gradient(g, params, tokens, tokens)) for g in (other, graph))
    for found, expected in zip(*both, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_dropout_drops_its_share_and_keeps_the_mean():
    kept = apply_dropout(jnp.ones((200, 50)), 0.3, jax.random.key(0))
    assert float((kept == 0).mean()) == pytest.approx(0.3, abs=0.02)
    assert float(kept.mean()) == pytest.approx(1, abs=0.03)


@pytest.mark.slow
def test_dropout_acts_only_in_training_and_follows_from_its_key(tokens):
    config = modern(**SMALL)
    graph, params = drawn(config)
    dropping, _, _ = abstract(dataclasses.replace(config, dropout=0.2))
    scanned, _, _ = abstract(dataclasses.replace(config, dropout=0.2, scan_layers=True, remat="full"))
    keys = jax.random.split(jax.random.key(1))
    np.testing.assert_array_equal(compiled(dropping, params, tokens), compiled(graph, params, tokens))
    first = compiled(dropping, params, tokens, keys[0])
    np.testing.assert_allclose(compiled(scanned, params, tokens, keys[0]), first, atol=1e-5)
    assert float(jnp.abs(compiled(dropping, params, tokens, keys[1]) - first).max()) > 0.01
