"""A finished run scores its corpus, another run reads what it scored: charged, and resumed exactly."""

import dataclasses
import os
import signal

import numpy as np
import polars as pl
import pytest

from quarry.errors import ConfigError
from quarry.train.config.experiment import CheckpointConfig
from quarry.train.data.selection.draws import pieces_table
from quarry.train.data.selection.pieces import Pieces
from quarry.train.inspect.scores import _reference, piece_losses, write_scores
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.finished import final_params
from quarry.train.run.loop import train
from quarry.train.run.sizes import prepare_store
from tests.train.run.test_loop import Watch, rows_of
from tests.train.tiny import tiny_point

CORPUS = "synthetic:bayes?symbols=16,length=32,tokens=40000"


@pytest.fixture(scope="module")
def scored(tmp_path_factory, cache):
    """A reference with an early checkpoint, a second one, their runs and their file of scores."""
    folder = tmp_path_factory.mktemp("scores")
    first = tiny_point(folder / "study", steps=20)
    data = dataclasses.replace(first.config.data, corpus=CORPUS)
    config = dataclasses.replace(first.config, data=data, checkpoint=CheckpointConfig(at_tokens=(1024,)))
    first = dataclasses.replace(first, config=config)
    other = dataclasses.replace(config, data=dataclasses.replace(data, draw=1))
    second = dataclasses.replace(first, name="held-out", config=other)
    for point in (first, second):
        assert train(point, folder / "runs", cache, Quiet()) == "finished"
    write_scores(first, second, folder / "runs", cache, folder / "scores.parquet", piece=64)
    return first, folder


def by_rule(scored, rule: str):
    point, folder = scored
    selection = f"{rule}?scores={folder}/scores.parquet,piece=64,group=12"
    data = dataclasses.replace(point.config.data, selection=selection)
    return dataclasses.replace(point, config=dataclasses.replace(point.config, data=data))


@pytest.mark.slow
def test_what_a_reference_has_read_is_not_scored_and_early_losses_are_higher(scored):
    table = pl.read_parquet(scored[1] / "scores.parquet")
    read = (pl.col("start") < 4096) & (pl.col("start") + pl.col("tokens") > 0)
    assert (
        table.filter(read).select("loss", "early", "held_out").null_count().row(0)
        == (table.filter(read).height,) * 3
    )
    assert table.filter(~read).null_count().sum_horizontal()[0] == 0
    assert table["early"].mean() > table["loss"].mean() > 0


@pytest.mark.slow
def test_the_score_of_a_piece_is_its_loss_by_position(scored, cache):
    point, folder = scored
    reference = _reference(point, folder / "runs", cache)
    one = Pieces(np.array([5000, 5000, 5032]), np.array([64, 32, 32]))
    losses = piece_losses(reference, final_params(point.config, reference.directory, reference.store), one)
    assert losses[0] == pytest.approx(losses[1:].mean())


def test_a_model_is_not_compared_with_itself(scored, cache, tmp_path):
    point, folder = scored
    with pytest.raises(ConfigError, match="itself: every difference would be 0"):
        write_scores(point, point, folder / "runs", cache, tmp_path / "scores.parquet")


def test_a_run_of_a_rule_is_charged_and_named_in_the_points(scored, cache):
    point, folder = by_rule(scored, "rho"), scored[1]
    point = dataclasses.replace(point, name="rho")
    assert train(point, folder / "runs", cache, Quiet()) == "finished"
    run = RunDirectory(folder / "runs" / "study" / "rho").read_run()
    table = pieces_table(prepare_store(point.config, cache)).filter("kept")
    place = int(np.searchsorted(table["tokens"].cum_sum(), 2048))
    n, pool = run["n_nonembedding"], table["scanned"][place]
    assert run["flops_selection"] == pytest.approx(2 * 2 * n * pool + 2 * 6 * n * 5120)
    rows = points_table(folder / "runs").filter(pl.col("point") == "rho")
    assert rows["flops_selection"].unique().to_list() == [run["flops_selection"]]
    assert rows["selection"][0].startswith("rho?scores=")
    assert rows["flops_6ne"].max() == 6 * n * 5120


@pytest.mark.slow
def test_a_curriculum_resumes_bit_for_bit(scored, cache):
    point, folder = by_rule(scored, "curriculum:loss"), scored[1]
    assert train(point, folder / "whole", cache, Quiet()) == "finished"
    watch = Watch(6, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert train(point, folder / "parts", cache, watch) == "preempted"
    assert train(point, folder / "parts", cache, Quiet()) == "finished"
    runs = [RunDirectory(folder / name / "study" / "tiny") for name in ("whole", "parts")]
    assert rows_of(runs[0]) == rows_of(runs[1])


def test_a_reference_by_a_rule_or_unfinished_is_refused(scored, cache):
    point, folder = scored
    with pytest.raises(ConfigError, match=r"nobody has not finished: it cannot score"):
        write_scores(dataclasses.replace(point, name="nobody"), None, folder / "runs", cache, folder / "a")
