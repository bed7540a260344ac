"""The ladder of budgets and the protocols that are compared with it."""

import polars as pl
import pytest

from quarry.experiments.chinchilla_isoflop import CPU, GPU, PAPER, point
from quarry.experiments.porian import AT_CPU, far, variants
from quarry.experiments.porian.tables import by_protocol
from quarry.model.counting import flops_6n


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


def test_a_branch_belongs_to_the_protocol_of_its_trunk():
    names = {"point": ["n6k", "n6k-short", "n6k-small-batch", "n6k-small-batch-t100"]}
    tables = by_protocol(pl.DataFrame(names | {"trunk": [None, None, None, "n6k-small-batch"]}))
    assert {name: len(rows) for name, rows in tables.items()} == {"long": 1, "short": 1, "small-batch": 2}
