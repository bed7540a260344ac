"""A step trains on the candidates of the highest score; runs resume, are charged, refuse what cannot be."""

import dataclasses
import os
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from quarry.errors import ConfigError
from quarry.model.config import modern
from quarry.model.sharding import make_mesh
from quarry.model.transformer import abstract, token_losses
from quarry.train.config.experiment import DataConfig, EvaluationConfig, Experiment
from quarry.train.config.selection import rule_before_training
from quarry.train.data.feed import sequence_rows
from quarry.train.launch.stack_worker import train_together
from quarry.train.record.files import read_jsonl
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.choosing import highest, row_losses
from quarry.train.run.context import RunContext
from quarry.train.run.loop import train
from quarry.train.run.programs import compiled_step
from quarry.train.run.reference import open_reference
from quarry.train.run.sizes import prepare_store, resolve_sizes
from quarry.train.run.step import make_state, step_scalars
from quarry.train.run.step_inputs import _rows, batch_order
from tests.train.run.test_loop import Watch, rows_of
from tests.train.tiny import tiny_point

CORPUS = "synthetic:bayes?symbols=16,length=32,tokens=40000"
EXPERIMENT = Experiment(
    model=modern(16, 1, 2, context=8, vocab_size=32),
    batch_tokens=64,
    micro_batch_tokens=32,
    data=DataConfig(selection="online:loss?candidates=3"),
)


def candidates() -> tuple[jax.Array, jax.Array]:
    tokens = jax.random.randint(jax.random.key(0), (24, 9), 0, 32)
    return tokens[:, :-1], tokens[:, 1:]


def test_the_highest_scores_are_chosen_in_the_order_of_the_feed():
    scores = jnp.array([0.5, 3.0, -1.0, 2.0, 3.0, 0.0])
    assert highest(scores, 3).tolist() == [1, 3, 4]
    assert highest(scores, 1).tolist() == [1]  # of equal scores the first
    assert highest(scores, 6).tolist() == list(range(6))


def test_losses_of_rows_are_means_over_tokens_for_any_number_of_passes():
    mesh, (graph, _, _) = make_mesh(EXPERIMENT.mesh), abstract(EXPERIMENT.model)
    params, rows = make_state(EXPERIMENT, mesh).params, candidates()
    expected = jax.jit(lambda params: token_losses(graph, params, *rows))(params).reshape(24, 8).mean(1)
    found = jax.jit(lambda params: row_losses(graph, params, *rows, passes=6))(params)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_step_on_candidates_is_the_plain_step_on_those_chosen_bit_for_bit():
    mesh, (inputs, targets) = make_mesh(EXPERIMENT.mesh), candidates()
    plain, scalars = dataclasses.replace(EXPERIMENT, data=DataConfig()), step_scalars(EXPERIMENT, 1e-2)
    chosen = np.array([1, 4, 5, 9, 14, 20, 21, 23])
    subtracted = np.full(24, 50.0, np.float32)
    subtracted[chosen] = -50.0
    found, metrics = compiled_step(EXPERIMENT, mesh)(
        make_state(EXPERIMENT, mesh), inputs, targets, subtracted, scalars
    )
    wanted, own = compiled_step(plain, mesh)(
        make_state(plain, mesh), inputs[chosen], targets[chosen], scalars
    )
    jax.tree.map(np.testing.assert_array_equal, (found, metrics), (wanted, own))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, cache):
    """The folder of a finished reference, and the point that chooses by it."""
    folder = tmp_path_factory.mktemp("online")
    tiny = tiny_point(folder / "study", steps=12)
    data = dataclasses.replace(tiny.config.data, corpus=CORPUS, selection="pieces?piece=64", draw=1)
    other = dataclasses.replace(tiny, name="reference", config=dataclasses.replace(tiny.config, data=data))
    assert train(other, folder / "runs", cache, Quiet()) == "finished"
    rule = f"online:rho?reference={folder}/runs/study/reference,candidates=2,piece=64"
    own = dataclasses.replace(data, selection=rule, draw=0)
    return folder, dataclasses.replace(tiny, config=dataclasses.replace(tiny.config, data=own))


@pytest.fixture(scope="module")
def whole(runs, cache) -> RunDirectory:
    folder, point = runs
    assert train(point, folder / "runs", cache, Quiet()) == "finished"
    return RunDirectory(folder / "runs" / "study" / "tiny")


def changed(point, **data):
    config = dataclasses.replace(point.config, data=dataclasses.replace(point.config.data, **data))
    return dataclasses.replace(point, config=config)


def reference_of(point, cache):
    config, store = point.config, prepare_store(point.config, cache)
    return open_reference(config, store, resolve_sizes(config, store), make_mesh(config.mesh), cache)


@pytest.mark.slow
def test_a_run_resumes_bit_for_bit(runs, whole, cache):
    folder, point = runs
    watch = Watch(6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert train(point, folder / "parts", cache, watch) == "preempted"
    assert train(point, folder / "parts", cache, Quiet()) == "finished"
    assert rows_of(RunDirectory(folder / "parts" / "study" / "tiny")) == rows_of(whole)


def test_choosing_is_charged_by_the_step(runs, whole):
    run, n = whole.read_run(), whole.read_run()["n_nonembedding"]
    assert (run["tokens"], run["tokens_scored"], run["epochs"]) == (12 * 256, 2 * 12 * 256, 1.5)
    rows = points_table(whole.path).sort("tokens")
    assert rows["tokens"].min() < rows["tokens"].max() == 3072
    fixed = 6 * n * 3072 + 2 * n * 2048  # the reference: its training, and its loss of each of U tokens
    assert rows["flops_selection"].to_list() == pytest.approx(
        [fixed + 2 * 2 * n * tokens for tokens in rows["tokens"]]
    )
    assert rows["flops_6ne"].max() == 6 * n * 3072
    assert rows["selection"][0].startswith("online:rho?reference=")
    assert rows["flops_xla"].null_count() == len(rows)


@pytest.mark.slow
def test_a_step_reads_twice_its_rows_and_what_the_reference_loses_on_them(runs, whole, cache):
    config, reference = runs[1].config, reference_of(runs[1], cache)
    store, mesh = prepare_store(config, cache), make_mesh(config.mesh)
    sizes = resolve_sizes(config, store)
    run = RunContext(config, sizes, store, mesh, whole, Quiet(), compiled_step, None, {}, reference)
    stage = next(config.ramp.stages(3, 5))
    second = list(_rows(run, stage))[1]
    assert run.position(4) == 4 * 16
    ids = batch_order(run).sequence_ids(np.arange(4 * 16, 5 * 16))
    tokens = sequence_rows(store.reader("train"), ids, 32).astype(np.int32)
    rows, model = (tokens[:, :-1], tokens[:, 1:]), reference.model
    losses_of = jax.jit(token_losses, static_argnums=0)
    losses = losses_of(abstract(model.experiment.model)[0], model.params, *rows).reshape(16, 32).mean(1)
    for found, expected in zip(second, (*rows, losses), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(reference(ids[::-1].copy(), None, None), second[2][::-1])


@pytest.mark.slow
def test_runs_in_one_program_choose_as_they_do_alone(runs, whole, cache):
    folder, point = runs
    seed = dataclasses.replace(point, name="seed", config=dataclasses.replace(point.config, seed_order=5))
    assert train_together([point, seed], folder / "stacked", cache, Console(quiet=True)) == ["finished"] * 2
    found = read_jsonl(RunDirectory(folder / "stacked" / "study" / "tiny").evals)
    for row, expected in zip(found, read_jsonl(whole.evals), strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=2e-5)


def test_a_reference_that_does_not_fit_is_refused_in_a_sentence(runs, cache):
    point, rule = runs[1], runs[1].config.data.selection
    longer = dataclasses.replace(point.config, model=dataclasses.replace(point.config.model, context=64))
    for wrong, message in (
        (changed(point, selection=rule.replace("reference,", "nobody,")), "nobody is no finished run"),
        (
            changed(point, draw=1),
            "was trained on 2,048 of the 2,048 unique tokens of this run",
        ),
        (changed(point, selection=f"{rule[:-2]}128"), "data.selection = pieces.piece=128 and another"),
        (dataclasses.replace(point, config=longer), r"has model.context = 32, this run 64"),
    ):
        with pytest.raises(ConfigError, match=message):
            reference_of(wrong, cache)


def test_another_reference_may_not_take_the_place_of_the_first(runs, whole, cache):
    folder, point = runs
    train(point, folder / "other", cache, Watch(6, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    run = RunDirectory(folder / "other" / "study" / "tiny")
    former = run.read_run()["reference"]
    run.write_run(reference=former | {"fingerprint": [0, *former["fingerprint"][1:]]})
    with pytest.raises(ConfigError, match=r"the reference of data.selection has changed since"):
        train(point, folder / "other", cache, Quiet())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("online:rho", r"online:rho needs \?reference=RUN, the directory of a finished run"),
        ("online:loss?reference=a", "online:loss takes no option reference=RUN"),
        ("online:gzip", "is no rule: use one of online:rho.reference=RUN, online:loss"),
        ("online:loss?candidates=1", "candidates = 1 must be at least 2 for each sequence trained on"),
        ("online:loss?candidates=some", "candidates = 'some' is no number"),
        ("online:loss?keep=0.5", "'keep=0.5' is none of its options reference=, candidates=, piece="),
        ("online:loss?piece=2", "piece = 2 must be at least 8 tokens"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_a_sentence(text, message):
    with pytest.raises(ConfigError, match=message):
        DataConfig(selection=text)


def test_what_an_online_rule_does_not_go_with_is_refused(runs, cache):
    with pytest.raises(ConfigError, match=r"evaluation.noise_parts = 2 measures batches as they are drawn"):
        dataclasses.replace(EXPERIMENT, evaluation=EvaluationConfig(noise_parts=2))
    few = changed(runs[1], unique_tokens=384).config
    with pytest.raises(ConfigError, match="draws candidates of 512 tokens for a step, more than the U = 384"):
        resolve_sizes(few, prepare_store(few, cache))


def test_an_online_rule_reads_the_store_of_its_pieces():
    assert rule_before_training("online:loss") == "pieces"
    assert rule_before_training("online:loss?piece=64") == "pieces?piece=64"
    assert rule_before_training("gzip:low") == "gzip:low"
