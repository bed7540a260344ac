"""Epochs: how many passes over U unique tokens a model of N parameters needs, and what they are worth.

Claim: bigger models extract the same data in fewer passes; where the first pass is nearly as good as any
number of passes, only more data helps. See analysis/epochs/study.py for the quantities.

Every rule that depends on size is in `recipe`. A cell (N, U) is one trunk at a constant learning rate with
branches that decay after 1/4, 1/2, 1, 2, ... passes; `fresh` is a trunk that never repeats, with branches at
powers of two of tokens. Both have one weight decay, one seed and one draw of U tokens; variants have others.

`smoke` trains on speeches in minutes; `cpu` on novels in about twelve core-hours (the novels: see
experiments/epochs/novels.py); `beyond` and, for a GPU, `beyond_gpu` larger models on the same novels, to test
what the laws predict of them; `gpu` and `tpu` on lm1b, to 85 million and 1.6 billion parameters.
`depth`, `longer`, `others` and `averaged` answer objections to docs/epochs.md: eight layers in place of two,
64 passes, text of authors that never train, averages of the largest size.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from quarry.model.config import Dtype, modern
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


@dataclass(frozen=True)
class Scale:
    """Settings that all cells of a ladder share, whatever their size; ladders of one scale share a table."""

    tokenizer: str = "bytes"
    vocab_size: int = 256
    context: int = 128
    batch_tokens: int = 1024
    rate: float = 0.3
    """The learning rate times d_model."""
    layers: int | None = None
    """Of every size; None: one per 64 features, at least two."""
    head_dim: int = 16
    warmup_steps: int = 20
    shortest_steps: int = 64
    """Steps of the shortest branch."""
    evaluation_tokens: int = 131_072
    compute_dtype: Dtype = "float32"

    @property
    def shortest(self) -> int:
        """Tokens of the shortest branch."""
        return self.shortest_steps * self.batch_tokens


SMALL = Scale()
LARGE = Scale(
    tokenizer="bpe:16384",
    vocab_size=16_384,
    context=512,
    batch_tokens=2**15,
    head_dim=64,
    warmup_steps=40,
    shortest_steps=128,
    evaluation_tokens=2**20,
    compute_dtype="bfloat16",
)
"""Word pieces, for an accelerator. At their losses, above 3 nats, the batch is a tenth of the critical one by
Kaplan's fit (2001.08361, eq. 1.4), so that the loss depends on the tokens and hardly on the steps."""
PASSES = (0.25, 0.5, 1, 2, 4, 8, 16, 32)
WEIGHT_DECAYS = (0.1, 0.4, 1.6)
REPLICATES = (1, 2)
RATES = {"rate-half": 0.5, "rate-double": 2.0}
DROPOUT = 0.1


def recipe(d_model: int, corpus: str, scale: Scale = SMALL, **fields: Any) -> Experiment:
    """The scale point of width `d_model`: settings shared by all cells, and those that follow from the width.

    One layer per 64 features, at least two, unless `scale` says otherwise. The learning rate falls as
    1 / d_model, as in the study `quickstart`. Positions are rotary, queries and keys normalised: without
    them the loss stays on a plateau of character statistics for the first 1.5 million tokens. The batch is
    small.
    """
    model = modern(
        d_model,
        n_layers=scale.layers or max(2, d_model // 64),
        n_heads=max(1, d_model // scale.head_dim),
        context=scale.context,
        vocab_size=scale.vocab_size,
        compute_dtype=scale.compute_dtype,
    )
    return Experiment(
        model=model,
        data=DataConfig(corpus, scale.tokenizer, unique_tokens=fields.pop("unique_tokens", None)),
        optimizer=OptimizerConfig(learning_rate=scale.rate / d_model, weight_decay=WEIGHT_DECAYS[0]),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=scale.warmup_steps, decay=0.2),
        evaluation=EvaluationConfig(scale.evaluation_tokens, scale.evaluation_tokens),
        checkpoint=CheckpointConfig(every_seconds=300),
        batch_tokens=scale.batch_tokens,
        log_every=50,
        **fields,
    )


def cell(
    d_model: int, unique_tokens: int, corpus: str, most: float = PASSES[-1], scale: Scale = SMALL
) -> Experiment:
    """`most` passes over U, with a branch after each smaller number of passes that is long enough."""
    shorter = tuple(k for k in PASSES if k < most and k * unique_tokens >= scale.shortest)
    return recipe(
        d_model,
        corpus,
        scale,
        unique_tokens=unique_tokens,
        duration=Duration(epochs=most),
        branches=BranchConfig(epochs=shorter),
    )


def fresh(d_model: int, tokens: int, corpus: str, scale: Scale = SMALL) -> Experiment:
    """One pass over `tokens` fresh tokens, with branches at 1/2, 1/4, ... of it down to the shortest."""
    halvings = range(1, (tokens // scale.shortest).bit_length())
    return recipe(
        d_model,
        corpus,
        scale,
        duration=Duration(tokens=tokens),
        branches=BranchConfig(tokens=tuple(tokens >> halving for halving in reversed(halvings))),
    )


def remedies(config: Experiment) -> dict[str, Experiment]:
    """The same cell with more weight decay and with dropout."""
    decays = {f"wd{decay:g}": optimized(config, weight_decay=decay) for decay in WEIGHT_DECAYS[1:]}
    return decays | {
        "dropout": dataclasses.replace(config, model=dataclasses.replace(config.model, dropout=DROPOUT))
    }


def rates(config: Experiment) -> dict[str, Experiment]:
    """The same cell at half and at twice the learning rate, to check the rule for the rate."""
    rate = config.optimizer.learning_rate
    return {name: optimized(config, learning_rate=factor * rate) for name, factor in RATES.items()}


def half_batch(config: Experiment) -> dict[str, Experiment]:
    """The same cell at half the batch and the learning rate scaled for it.

    Below the critical batch the loss at equal tokens is the same.
    """
    slower = optimized(config, learning_rate=config.optimizer.learning_rate / math.sqrt(2))
    return {"half-batch": dataclasses.replace(slower, batch_tokens=config.batch_tokens // 2)}


def replicates(config: Experiment) -> dict[str, Experiment]:
    """The same cell with other initial parameters, other orders and other U tokens, to measure the noise."""
    seeds = {f"init{seed}": dataclasses.replace(config, seed_init=seed) for seed in REPLICATES}
    seeds |= {f"order{seed}": dataclasses.replace(config, seed_order=seed) for seed in REPLICATES}
    return seeds | {
        f"draw{draw}": dataclasses.replace(config, data=dataclasses.replace(config.data, draw=draw))
        for draw in REPLICATES
    }


def optimized(config: Experiment, **fields: float) -> Experiment:
    """The same experiment with other fields of its optimizer."""
    return dataclasses.replace(config, optimizer=dataclasses.replace(config.optimizer, **fields))
