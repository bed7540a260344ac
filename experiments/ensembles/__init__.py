"""Ensembles: is one model of N parameters more than K averaged models of N / K?

Claim (Schulman's sketch, in nostalgebraist 2020): a larger model is better because it holds more circuits,
side by side. Then K small models, each trained on the same tokens, should give a good part of its gain.
Expected: less than half of the gain where the larger model does not overfit, more than all where it does.
Commands:
    quarry sweep ensembles
    quarry ensemble ensembles --split test --members 1 2 4 8 16 -o ensembles.parquet
    python -m quarry.experiments.ensembles ensembles.parquet -o verdict.csv

Speeches in bytes: U of 2^14 tokens with 1 to 32 passes, and of 2^16 with 1 to 4, by branches of one trunk.
Members differ in their first parameters and in the order of the tokens. K members of N / K and one of N
process the same tokens for the same 6 N E. The batch, 256 tokens, is a quarter of the critical one (about
1,100 at these losses); the rate, 0.15 / d_model, lies between the best of one pass and of 4 to 16 in
experiments/epochs/tuned.py; weight decay is 0.4, and 1.6 beside it for larger sizes, which overfit. Heads
have 8 features at every size.
"""

import dataclasses

from quarry.model.config import modern
from quarry.train.config.experiment import (
    BranchConfig,
    CheckpointConfig,
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

PASSES = (1, 2, 4, 8, 16, 32)
MOST = {2**14: 32, 2**16: 4}
"""The most passes over U."""
HEAD_DIM = 8
DECAYED = 1.6
"""The weight decay of a larger model that is to overfit less."""


def point(d_model: int, unique_tokens: int, seed: int = 0, weight_decay: float = 0.4) -> Experiment:
    """One member: a trunk of the most passes over U, with branches of fewer."""
    *shorter, most = (k for k in PASSES if k <= MOST[unique_tokens])
    return Experiment(
        model=modern(d_model, 2, d_model // HEAD_DIM, context=64),
        data=DataConfig(unique_tokens=unique_tokens),
        duration=Duration(epochs=most),
        branches=BranchConfig(epochs=tuple(shorter)),
        optimizer=OptimizerConfig(learning_rate=0.15 / d_model, weight_decay=weight_decay),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=20, decay=0.2),
        evaluation=EvaluationConfig(validation_tokens=32_768, test_tokens=32_768, count=1),
        checkpoint=CheckpointConfig(every_seconds=300, keep=1),
        batch_tokens=256,
        seed_init=seed,
        seed_order=seed,
        log_every=200,
    )


def seeds(config: Experiment, count: int, name: str = "seed") -> dict[str, Experiment]:
    """The same point by `count` - 1 further seeds, of first parameters and order alike."""
    return {
        f"{name}{seed}": dataclasses.replace(config, seed_init=seed, seed_order=seed)
        for seed in range(1, count)
    }


def decayed(config: Experiment, count: int) -> dict[str, Experiment]:
    """The same point with more weight decay, by `count` seeds."""
    optimizer = dataclasses.replace(config.optimizer, weight_decay=DECAYED)
    first = dataclasses.replace(config, optimizer=optimizer)
    return {f"wd{DECAYED:g}": first} | seeds(first, count, f"wd{DECAYED:g}-seed")
