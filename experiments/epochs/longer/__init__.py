"""Longer: 64 passes over 2^16 tokens, twice the most of the committed table.

Claim: r_inf, the largest worth of k passes in fresh tokens, is cut at k = 32 in the table; where the loss
still falls there, it is an underestimate.
Expected: 6 thousand parameters, which still gain at 32, gain a little more; 25 thousand at the table's weight
decay, whose loss turned up after 16, lose more, and at a decay of 0.4 stand still.

Decay 0.4 is that of the tuned recipe at this U and k (experiments/results/epochs/tuned.parquet), in the batch
and rate of the table. `seed1` has other seeds of initialisation and order.

Trained: all but `seed1` of 25 thousand and `wd0.4-seed1` of 6 thousand.

Command: quarry sweep epochs/longer, where the novels are
"""

import dataclasses

from quarry.experiments.epochs import optimized, recipe
from quarry.experiments.epochs.beyond import measured_once
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.config.experiment import BranchConfig, Duration, Experiment

MOST = 64
BRANCHES = (32, 48)


def longer(d_model: int, unique_tokens: int) -> Experiment:
    """The cell by the recipe of the committed table, with branches at 32 and 48 passes."""
    config = recipe(
        d_model,
        CORPUS,
        unique_tokens=unique_tokens,
        duration=Duration(epochs=MOST),
        branches=BranchConfig(epochs=BRANCHES),
    )
    return measured_once(config)


def repeated(config: Experiment) -> dict[str, Experiment]:
    """The same cell at the decay of the tuned recipe, and both by other seeds."""
    decayed = optimized(config, weight_decay=0.4)
    return {
        "wd0.4": decayed,
        "seed1": dataclasses.replace(config, seed_init=1, seed_order=1),
        "wd0.4-seed1": dataclasses.replace(decayed, seed_init=1, seed_order=1),
    }
