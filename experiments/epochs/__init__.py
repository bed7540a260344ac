"""Epochs: how many passes over U unique tokens a model of N parameters needs, and what they are worth.

Claim: bigger models extract the same data in fewer passes, and where the first pass is nearly as good as any
number of passes only more data helps. See analysis/epochs.py for the quantities.

Every rule that depends on size is in `recipe`. A cell (N, U) is one trunk at constant rate with branches
that cool after 1/4, 1/2, 1, 2, ... passes; `fresh` is a trunk that never repeats, with branches at powers of
two of tokens. Both hold for one weight decay and one seed; others are variants.

`smoke` trains on speeches in minutes; `cpu` on novels in about twelve core-hours. The novels: see
experiments/epochs/novels.py.
"""

import dataclasses
from typing import Any

from model.config import modern
from train.experiment import (
    BranchConfig,
    CheckpointConfig,
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

CONTEXT = 128
BATCH_TOKENS = 1024
HEAD_DIM = 16
LAYERS = 2
SHORTEST = 2**16
"""Tokens of the shortest branch: 64 steps."""
PASSES = (0.25, 0.5, 1, 2, 4, 8, 16, 32)
WEIGHT_DECAYS = (0.1, 0.4, 1.6)
SEEDS = (0, 1, 2)
RATES = {"rate-half": 0.5, "rate-double": 2.0}
DROPOUT = 0.1


def recipe(d_model: int, corpus: str, **fields: Any) -> Experiment:
    """The scale point of width `d_model`: what is the same in every cell, and what follows from the width.

    The learning rate falls as 1 / d_model, as in the study `quickstart`; rotary positions and normalised
    queries and keys, without which the first 1.5 million tokens are a plateau of character statistics; a
    batch of 8 sequences.
    """
    return Experiment(
        model=modern(d_model, LAYERS, n_heads=d_model // HEAD_DIM, context=CONTEXT),
        data=DataConfig(corpus=corpus, unique_tokens=fields.pop("unique_tokens", None)),
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model, weight_decay=WEIGHT_DECAYS[0]),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=20, decay=0.2),
        evaluation=EvaluationConfig(validation_tokens=131_072, test_tokens=131_072),
        checkpoint=CheckpointConfig(every_seconds=300),
        batch_tokens=BATCH_TOKENS,
        log_every=50,
        **fields,
    )


def cell(d_model: int, unique_tokens: int, corpus: str, most: float = PASSES[-1]) -> Experiment:
    """`most` passes over U, and branches after each smaller number of passes that is at least `SHORTEST`."""
    shorter = tuple(k for k in PASSES if k < most and k * unique_tokens >= SHORTEST)
    return recipe(
        d_model,
        corpus,
        unique_tokens=unique_tokens,
        duration=Duration(epochs=most),
        branches=BranchConfig(epochs=shorter),
    )


def fresh(d_model: int, tokens: int, corpus: str) -> Experiment:
    """One pass of `tokens` fresh tokens, and branches at each half of it down to `SHORTEST`."""
    halvings = range(1, (tokens // SHORTEST).bit_length())
    return recipe(
        d_model,
        corpus,
        duration=Duration(tokens=tokens),
        branches=BranchConfig(tokens=tuple(tokens >> halving for halving in reversed(halvings))),
    )


def remedies(config: Experiment, anchor: bool = False) -> dict[str, Experiment]:
    """The same cell with more weight decay and with dropout; an anchor cell also other seeds and rates."""
    found = {f"wd{decay:g}": _optimized(config, weight_decay=decay) for decay in WEIGHT_DECAYS[1:]}
    found["dropout"] = dataclasses.replace(config, model=dataclasses.replace(config.model, dropout=DROPOUT))
    if not anchor:
        return found
    rate = config.optimizer.learning_rate
    found |= {name: _optimized(config, learning_rate=factor * rate) for name, factor in RATES.items()}
    return found | {
        f"seed{seed}": dataclasses.replace(config, seed_init=seed, seed_order=seed) for seed in SEEDS[1:]
    }


def _optimized(config: Experiment, **fields: float) -> Experiment:
    return dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, **fields))
