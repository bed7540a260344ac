"""The contender in another process: its intervals in log loss, and the splits that it refuses."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from tests.benchmarks.coverage.simple import Simple
from tests.benchmarks.coverage.splits import Ladder, Split
from tests.benchmarks.coverage.truths import grid

BEYOND = pl.DataFrame({"N": [2e9, 4e9], "E": [4e10, 8e10], "loss": [2.0, 1.9]})

ANSWERS = """
import sys
print('{"version": "0"}', flush=True)
for line, answer in zip(sys.stdin, [
    '{"refused": "LawError: two predictors"}',
    '{"quantiles": [[-1, 2], [3, -1], [1, 1], [2, 2]], "errors": ["underdetermined"]}',
]):
    print(answer, flush=True)
"""


def fitted(law: str, inputs: tuple[str, ...] = ("N", "E")) -> Any:
    return cast(Any, SimpleNamespace(law=SimpleNamespace(name=law, inputs=inputs)))


def split() -> Split:
    below = grid().measured(truth, 0.002, np.random.default_rng(0))
    return Split(Ladder("grid", below), 0.5, below, BEYOND, np.ones(2))


def truth(n: np.ndarray, e: np.ndarray) -> np.ndarray:
    return 1.7 + 0.8 * (1e8 / n) ** 0.35 + 0.8 * (2e9 / e) ** 0.35


def test_a_refusal_is_an_open_interval_and_is_counted(tmp_path):
    script = tmp_path / "answers.py"
    script.write_text(ANSWERS)
    with Simple(Path(sys.executable), script) as simple:
        refused, found = simple(fitted("chinchilla"), split()), simple(fitted("chinchilla"), split())
        with pytest.raises(RuntimeError, match="ended with 0; `make simple-scaling-laws` installs it"):
            simple(fitted("chinchilla"), split())
    for low, high in refused.values():
        assert np.isneginf(low).all()
        assert np.isposinf(high).all()
    low, high = found[0.95]
    assert low == pytest.approx([-np.inf, np.log(2)])
    assert high == pytest.approx([np.log(3), -np.inf])
    assert found[0.8][1] == pytest.approx(np.log([2, 2]))
    assert simple.summary().splitlines() == [
        "simple-scaling-laws 0: 1 of 2 splits refused",
        "  1: LawError: two predictors",
        "  fitted, with a note of an error: underdetermined 1",
    ]
