"""The verdicts of the studies of architecture and context, on losses whose differences are known."""

import math

import polars as pl
import pytest

from quarry.experiments.kaplan_architectures.__main__ import compared, seed_noise
from quarry.experiments.kaplan_context.__main__ import tokens_to


def test_differences_are_at_equal_size_and_at_equal_compute():
    """Losses fall by .1 nats with each doubling of N; an LSTM is .3 behind at equal N and costs double."""
    rows = [("transformer", 8 * 2**i, 0, 1000 * 2**i, 6e9 * 2**i, 3 - 0.1 * i) for i in range(4)]
    rows += [("lstm", 9, seed, 2000, 24e9, 3.2 + 0.01 * (seed - 1)) for seed in (0, 1, 2)]
    rows += [("lstm", 90, 0, 1e6, 6e12, 2.0)]
    table = pl.DataFrame(
        rows, ["architecture", "d_model", "seed_init", "n_nonembedding", "flops_exact", "loss"], orient="row"
    )
    assert seed_noise(table) == pytest.approx(0.01)
    found = compared(table).filter(architecture="lstm")
    assert found["behind_at_n"].to_list() == [pytest.approx(3.2 - 2.9), None]
    assert found["behind_at_c"].to_list() == [pytest.approx(3.2 - 2.8), None]
    assert found["error"].to_list() == pytest.approx([0.01 * (1 + 1 / 3) ** 0.5, 0.01 * 2**0.5])


def test_tokens_to_a_loss_are_read_between_the_ends_of_runs():
    """Every doubling of E takes off .1 nats; a context of 128 is .05 ahead of one of 32: half a doubling."""
    ends = [1000 * 2**i for i in range(4)]
    rows = [(c, e, 3 - 0.1 * math.log2(e) - 0.05 * (c == 128)) for c in (32, 128) for e in ends]
    found = tokens_to(pl.DataFrame(rows, ["context", "tokens", "loss"], orient="row"))
    assert found.filter(context=32)["share"].to_list() == pytest.approx([1.0] * 4)
    longer = found.filter(context=128)["share"].to_list()
    assert longer == [None, *[pytest.approx(2**-0.5)] * 3]
