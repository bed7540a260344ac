"""The ladder of budgets and the protocols that are compared with it."""

from dataclasses import replace

import polars as pl
import pytest

from quarry.experiments.chinchilla_isoflop import CPU, GPU, PAPER, point
from quarry.experiments.porian import AT_CPU, far, variants
from quarry.experiments.porian.tables import by_protocol
from quarry.model.counting import flops_6n

TRIALS = {
    "large-batch-half": (0.5, 0.99),
    "large-batch-twice": (2, 0.99),
    "small-batch-half": (0.5, 0.99),
    "small-batch-twice": (2, 0.99),
    "small-batch-beta95": (1, 0.95),
    "small-batch-beta999": (1, 0.999),
}
"""Of each trial the rate, over that of its batch, and beta2."""


@pytest.mark.parametrize(("ladder", "d_model"), [(CPU, 8), (CPU, 128), (GPU, 256), (PAPER, 1280)])
def test_a_size_ends_at_every_budget_it_reaches_on_fresh_text(ladder, d_model):
    config = point(d_model, ladder)
    ends = [*config.branches.tokens, config.duration.tokens]
    assert max(ends) <= ladder.longest
    assert min(ends) >= ladder.scale.shortest
    reached = [each * flops_6n(config.model) for each in ends]
    assert reached == pytest.approx(
        [c for c in ladder.budgets if any(abs(c / r - 1) < 0.01 for r in reached)]
    )


def test_protocols_differ_in_one_thing_each():
    long, others = far(32), variants(32)
    assert long.schedule.warmup_steps == AT_CPU.long_warmup
    assert others["short"].schedule.warmup_steps == CPU.scale.warmup_steps
    assert others["short"].duration == long.duration
    small, matched = others["small-batch"], point(32)
    assert matched.batch_tokens == 4 * small.batch_tokens
    assert small.branches.tokens == matched.branches.tokens[: len(small.branches.tokens)]


def test_trials_differ_in_rate_or_beta2_alone():
    others = variants(32)
    small, trials = others["small-batch"], {name: others[name] for name in TRIALS}
    for name, trial in trials.items():
        optimizer = trial.optimizer
        assert trial.batch_tokens == small.batch_tokens * (4 if name.startswith("large") else 1)
        assert trial.duration == small.duration
        assert len(trial.branches.tokens) == len(small.branches.tokens)
        base = 0.3 / 32 if name.startswith("large") else small.optimizer.learning_rate
        rate, beta2 = TRIALS[name]
        assert optimizer.learning_rate == pytest.approx(rate * base)
        assert optimizer == replace(small.optimizer, learning_rate=optimizer.learning_rate, beta2=beta2)


def test_a_branch_belongs_to_the_protocol_of_its_trunk():
    names = ("", "-short", "-small-batch", "-small-batch-t100", "-small-batch-half", "-large-batch-half-t100")
    trunks = (None, None, None, "n6k-small-batch", None, "n6k-large-batch-half")
    tables = by_protocol(pl.DataFrame({"point": [f"n6k{name}" for name in names], "trunk": trunks}))
    lengths = {name: len(rows) for name, rows in tables.items()}
    assert lengths == {"long": 1, "short": 1, "small-batch": 2, "trials": 2}
