"""The gradient noise scale: of a quadratic with known covariance, in the step, in the record."""

import dataclasses

import jax
import numpy as np
import pytest

from quarry.analysis.instruments.noise_scale import noise_scales
from quarry.errors import ConfigError
from quarry.model.sharding import make_mesh
from quarry.model.transformer import build
from quarry.train.record.files import read_jsonl
from quarry.train.record.gradient_noise import COLUMNS, NoiseScale, gradient_noise
from quarry.train.record.points_table import points_table
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.loop import train
from quarry.train.run.noise_probe import check_parts
from quarry.train.run.programs import compiled_step
from quarry.train.run.step import loss_and_gradient, make_state, step_scalars
from tests.train.run.test_step import EXPERIMENT, batch
from tests.train.tiny import tiny_point


def test_of_a_quadratic_with_known_covariance_within_5_percent():
    """Loss (x - y)' H (x - y) / 2 with y ~ N(0, I): G = H x, Sigma = H^2, hence both are known."""
    rng, hessian, x = np.random.default_rng(0), np.geomspace(0.1, 3, 40), np.full(40, 0.2)
    parts, small, scale = 4, 8, NoiseScale()
    rows = []
    for _ in range(2000):
        gradients = hessian * (x - rng.normal(size=(parts, small, 40)).mean(1))
        squares = (gradients**2).sum(-1).mean(), (gradients.mean(0) ** 2).sum()
        rows.append(gradient_noise(*squares, small, parts * small))
    g_squared, trace = np.mean(rows, axis=0)
    assert g_squared == pytest.approx(((hessian * x) ** 2).sum(), rel=0.05)
    assert trace == pytest.approx((hessian**2).sum(), rel=0.05)
    assert trace / g_squared == pytest.approx(1 / 0.2**2, rel=0.05)
    for row in rows:  # the mean of a memory of 20 steps lies about it
        scale.add(dict(zip(COLUMNS, row, strict=True)))
    assert scale.tokens == pytest.approx(25, rel=0.5)


def test_it_is_not_measurable_on_one_gradient_or_without_a_gradient_above_its_noise():
    assert np.isnan(gradient_noise(1.0, 1.0, 8, 8)).all()
    assert NoiseScale([{"g_squared": None, "trace_sigma": None}, {"loss": 1.0}]).tokens is None
    assert NoiseScale([{"g_squared": -1.0, "trace_sigma": 5.0}]).tokens is None
    assert NoiseScale([{"g_squared": 2.0, "trace_sigma": 5.0}]).tokens == 2.5


@pytest.mark.slow
def test_the_step_estimates_it_from_the_gradients_of_its_passes():
    pieces = dataclasses.replace(EXPERIMENT, micro_batch_tokens=16)  # 4 passes of 2 sequences
    mesh = make_mesh(EXPERIMENT.mesh)
    state, rows = make_state(pieces, mesh), batch(pieces)
    graph, params = build(pieces.model, pieces.seed_init)
    gradient = jax.jit(lambda *rows: loss_and_gradient(graph, params, *rows)[1])
    parts = [gradient(*(np.asarray(tokens)[i::4] for tokens in rows)) for i in range(4)]
    leaves = np.array([np.concatenate([*map(np.ravel, jax.tree.leaves(part))]) for part in parts])
    squares = (leaves**2).sum(-1).mean(), (leaves.mean(0) ** 2).sum()
    _, metrics = compiled_step(pieces, mesh)(state, *rows, step_scalars(pieces, 0.0))
    found = float(metrics.g_squared), float(metrics.trace_sigma)
    assert found == pytest.approx(gradient_noise(*squares, 16, 64), rel=1e-3)


@pytest.mark.slow
def test_the_record_has_it_and_its_running_mean(tmp_path, cache):
    point = tiny_point(tmp_path / "study", steps=6)
    assert train(point, tmp_path / "runs", cache, Quiet()) == "finished"
    run = RunDirectory(tmp_path / "runs" / "study" / "tiny")
    rows = read_jsonl(run.metrics)
    assert [row["noise_scale"] for row in rows] == [
        NoiseScale(rows[: i + 1]).tokens for i in range(len(rows))
    ]
    assert read_jsonl(run.evals)[-1]["noise_scale"] == rows[-1]["noise_scale"]
    assert points_table(run.path)["noise_scale"][-1] == rows[-1]["noise_scale"]


@pytest.mark.slow
def test_one_pass_measures_it_at_evaluations_if_asked(tmp_path, cache):
    point = tiny_point(tmp_path / "study", steps=4)
    evaluation = dataclasses.replace(point.config.evaluation, noise_parts=4, count=1)
    config = dataclasses.replace(point.config, micro_batch_tokens=256, evaluation=evaluation)
    train(dataclasses.replace(point, config=config), tmp_path / "runs", cache, Quiet())
    run = RunDirectory(tmp_path / "runs" / "study" / "tiny")
    assert {row["noise_scale"] for row in read_jsonl(run.metrics)} == {None}  # not measurable
    last = read_jsonl(run.evals)[-1]
    assert last["noise_scale"] == pytest.approx(last["trace_sigma"] / last["g_squared"])
    (row,) = noise_scales(run.path).to_dicts()
    assert row["B_noise"] == pytest.approx(last["noise_scale"])
    assert (row["S"], row["rows"], row["B_noise_low"]) == (4, 1, None)
    with pytest.raises(ConfigError, match=r"noise_parts = 3 does not divide batch_tokens = 256, 8 sequences"):
        check_parts(
            dataclasses.replace(config, evaluation=dataclasses.replace(evaluation, noise_parts=3)),
            make_mesh(config.mesh),
        )
