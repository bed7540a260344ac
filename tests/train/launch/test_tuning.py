"""A search proposes values, trains them, and goes on where it was stopped."""

import json
import signal
import time

import pytest

from quarry.cli import run
from quarry.errors import ConfigError
from quarry.train.commands.tune import conclusions
from quarry.train.launch.search_space import parse_range
from quarry.train.launch.tuning import Trial
from quarry.train.record.files import read_last_row
from tests.commands import quarry, start
from tests.train.tiny import write_tiny

RATE = "optimizer.learning-rate=1e-3:1e-1"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("optimizer.learning-rate", "write FIELD=LOW:HIGH"),
        ("optimizer.learning-rate=1", "write FIELD=LOW:HIGH"),
        ("optimizer.rate=1:2", "no number 'optimizer.rate' in the experiment"),
        ("batch_tokens=1:2", "no number 'batch_tokens'"),
        ("optimizer.weight-decay=low:1", "'low' is not a number"),
        ("optimizer.weight-decay=0:1", "LOW and HIGH must be positive"),
        ("optimizer.weight-decay=2:1", "LOW the smaller"),
        ("optimizer.weight-decay=1:inf", "LOW and HIGH"),
        ("optimizer.beta2=0.9:1", "both below 1"),
    ],
)
def test_ranges_that_cannot_be_are_refused(words, says):
    with pytest.raises(ConfigError, match=says):
        parse_range(words)


@pytest.mark.parametrize("seed", ["-1", "2147483648"])
def test_a_seed_that_optuna_cannot_take_is_refused(seed):
    with pytest.raises(ConfigError, match=rf"--seed must be from 0 to 2\^31 - 1, not {seed}"):
        run(["tune", "point.py", "--seed", seed])


def test_rates_are_searched_by_their_logarithm_and_betas_by_their_distance_from_one():
    rate, beta = parse_range(RATE), parse_range("optimizer.beta2=0.9:0.999")
    assert (rate.field, rate.option) == ("optimizer.learning_rate", "--optimizer.learning-rate")
    assert rate.place(1e-2) == pytest.approx(0.5)
    assert beta.bounds == pytest.approx((0.001, 0.1))
    assert (beta.value(0.0123456), beta.place(0.99)) == (0.9877, pytest.approx(0.5))


def test_a_best_value_at_the_edge_of_its_range_is_no_best():
    ranges = [parse_range(RATE)]
    found = {
        rate: conclusions([Trial("t", {"optimizer.learning_rate": rate}, 2.0)], ranges)
        for rate in (9e-2, 1e-2)
    }
    assert found[1e-2] == ["best of 1 trials: --optimizer.learning-rate 0.01"]
    assert "lies at the edge of 0.001 to 0.1: widen the range" in found[9e-2][1]


@pytest.mark.slow
def test_a_stopped_search_goes_on_with_the_values_it_had(tmp_path, cache):
    write_tiny(tmp_path / "study", steps=200)
    words = ("tune", "study/tiny.py", "--over", RATE, "--trials", 2, "--workers", 1)
    process = start(cache, *words, cwd=tmp_path)
    while not any(
        (read_last_row(log) or {"step": 0})["step"] > 20 for log in tmp_path.rglob("metrics.jsonl")
    ):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.communicate()[0].endswith("saved; the same command resumes\n")
    assert process.returncode == 75
    (begun,) = (tmp_path / "runs/study").glob("tiny-*/config.json")
    done = quarry(cache, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    configs = list((tmp_path / "runs/study").glob("tiny-*/config.json"))
    rates = {file.parent.name: json.loads(file.read_text())["optimizer"]["learning_rate"] for file in configs}
    assert len(rates) == 2
    assert begun.parent.name in rates
    assert all(name in done.stdout for name in rates)
    states = [json.loads(file.with_name("run.json").read_text())["status"] for file in configs]
    assert states == ["finished"] * 2
