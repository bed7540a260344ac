"""The exchange of examples for parameters, on accuracies whose exchange is known."""

import math

import numpy as np
import polars as pl
import pytest

from quarry.analysis.finetuning.__main__ import examples_for, verdicts
from quarry.errors import PointsError

SIZES, EXAMPLES = (1000, 4000, 16000), (8, 32, 128, 512)


def accuracies(per_size: float, noise: float = 0.0) -> pl.DataFrame:
    """Accuracy .4 + .05 ln(examples / 8) + per_size ln(N / 1000), four draws."""
    rng = np.random.default_rng(1)
    rows = [
        (
            "t",
            "test",
            "run",
            n,
            x,
            draw,
            0.4 + 0.05 * math.log(x / 8) + per_size * math.log(n / 1000) + noise * rng.normal(),
        )
        for n in SIZES
        for x in EXAMPLES
        for draw in range(4)
    ]
    return pl.DataFrame(
        rows, ["task", "split", "weights", "n_nonembedding", "examples", "draw", "accuracy"], orient="row"
    )


def test_a_larger_model_needs_fewer_examples_by_the_known_factor():
    """.025 a unit of ln N beside .05 a unit of ln(examples): four times N for twice the examples."""
    tables = verdicts(accuracies(0.025))
    assert tables["slopes"]["power"][0] == pytest.approx(0.5)
    exchange = tables["exchange"].filter(N=1000)
    assert exchange["factor"].to_list() == [
        None,
        *[pytest.approx(2)] * 3,
    ]  # with 8 the larger is ahead already
    assert tables["means"].filter(N=1000)["accuracy"][0] == pytest.approx(0.4)


def test_noise_widens_the_interval_around_the_truth():
    slopes = verdicts(accuracies(0.025, noise=0.01))["slopes"].row(0, named=True)
    assert slopes["power_low"] < 0.5 < slopes["power_high"]
    assert 0.05 < slopes["power_high"] - slopes["power_low"] < 0.6


def test_what_cannot_be_said_is_not():
    undecided = (pl.col("examples").log() * 0.05 * (-1) ** pl.col("draw")).alias("accuracy")
    slopes = verdicts(accuracies(0.0).with_columns(undecided))["slopes"].row(0, named=True)
    assert slopes["per_ln_examples_low"] < 0 < slopes["per_ln_examples_high"]
    assert slopes["power"] is None
    assert verdicts(accuracies(-0.5))["exchange"]["factor"].null_count() == 8


def test_only_draws_that_all_sizes_have_are_used():
    table = accuracies(0.025)
    partly = table.filter((pl.col("draw") < 2) | (pl.col("n_nonembedding") < 16000))
    assert verdicts(partly)["slopes"]["draws"].to_list() == [2]
    with pytest.raises(PointsError, match="task = t: 0 draws have one accuracy"):
        verdicts(pl.concat([table, table]))


def test_the_gain_of_pretraining_is_that_over_random_weights_on_the_same_draws():
    trained = accuracies(0.0, noise=0.05)
    shifted = trained.with_columns(pl.col("accuracy") - 0.125, weights=pl.lit("random"))
    random = shifted.filter(pl.col("n_nonembedding") > 1000, pl.col("draw") < 3)
    gains = verdicts(pl.concat([trained, random]))["pretraining"]
    assert gains["N"].unique(maintain_order=True).to_list() == [4000, 16000]
    for name in ("gain", "gain_low", "gain_high"):
        assert gains[name].to_list() == [pytest.approx(0.125)] * 8


def test_a_curve_is_read_between_its_points():
    logs = np.log([1.0, 10.0, 100.0])
    assert examples_for(0.5, np.array([0.4, 0.6, 0.7]), logs) == pytest.approx(math.log(10) / 2)
    assert examples_for(0.4, np.array([0.4, 0.6, 0.7]), logs) == 0
    assert math.isnan(examples_for(0.39, np.array([0.4, 0.6, 0.7]), logs))
    assert math.isnan(examples_for(0.71, np.array([0.4, 0.6, 0.7]), logs))
