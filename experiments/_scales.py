"""Two scales beyond a processor's that studies share: one GPU, and Kaplan et al. 2020 (2001.08361).

A GPU size is our choice throughout: the novels of the study of epochs in bytes, each read once. The paper's
size takes its numbers from section 2 and appendix D.1. WebText2 is not public: C4 stands for it, as many
tokens of it.
"""

import dataclasses
import math
from typing import Any

from quarry.experiments.epochs import SMALL, optimized, recipe
from quarry.experiments.epochs.cpu import CORPUS as NOVELS
from quarry.model.config import MeshConfig, ModelConfig, kaplan
from quarry.model.counting import count_parameters
from quarry.train.config.experiment import (
    CheckpointConfig,
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)
from quarry.train.config.learning_rates import kaplan_learning_rate

SEEDS = (1, 2)
"""Of replicates, besides 0."""

GPU = dataclasses.replace(
    SMALL,
    context=512,
    batch_tokens=2**13,
    rate=math.sqrt(8) * SMALL.rate,
    head_dim=64,
    warmup_steps=100,
    shortest_steps=128,
    compute_dtype="bfloat16",
)
"""Eight times the batch of `SMALL`, with the rate for it: below the critical batch at 1.5 nats per byte,
9,000 tokens by the study `kaplan_batch`."""
GPU_TOKENS = 2**25
"""Six tenths of the 57 million bytes of novels."""
PAPER_CORPUS = "tfds:c4"
PAPER_CONTEXT, PAPER_VOCABULARY = 1024, 50_257
PAPER_UNIQUE = 22_900_000_000
"""Tokens of WebText2 (section 2.3)."""
PAPER_BATCH, PAPER_STEPS, PAPER_WARMUP = 2**19, 250_000, 3000
"""512 sequences of 1,024 tokens; the steps of a run and of its warm-up (section 2.2)."""
PAPER_TEST = 660_000_000
"""Tokens of the test set (section 2.3)."""
HEAD_DIM = 64
"""Features of a head at the paper's sizes; the paper does not list them: our choice, GPT-2's."""
SHARDED = 200_000_000
"""Parameters from which a model's state is spread over 64 devices: our choice."""


def at_gpu(d_model: int, **model: Any) -> Experiment:
    """One size on one GPU: a layer and a head per 64 features, at least two layers; `model` are fields of its
    model in place of these."""
    shape = {"n_layers": max(2, d_model // 64), "n_heads": max(1, d_model // GPU.head_dim)} | model
    config = recipe(GPU.head_dim, NOVELS, GPU, duration=Duration(tokens=GPU_TOKENS))
    sized = dataclasses.replace(config, model=dataclasses.replace(config.model, d_model=d_model, **shape))
    return optimized(sized, learning_rate=GPU.rate / d_model)


def paper_model(n_layers: int, d_model: int, **fields: Any) -> ModelConfig:
    """A Transformer of the paper, in bf16, with as many heads as fill its width, or other `fields`."""
    dim = fields.get("head_dim", HEAD_DIM)
    shape: dict[str, Any] = {"n_heads": max(1, d_model // dim), "head_dim": dim, "compute_dtype": "bfloat16"}
    shape |= {"context": PAPER_CONTEXT, "vocab_size": PAPER_VOCABULARY}
    return kaplan(d_model, n_layers, **shape | fields)


def at_paper(model: ModelConfig, unique_tokens: int = PAPER_UNIQUE, **fields: Any) -> Experiment:
    """A run of the paper: Adam, a cosine to zero over all steps, the rate by size of D.1.

    Beta2, weight decay and the bound of the gradient are not in the paper: our choice.
    """
    size = count_parameters(model).nonembedding
    large = size >= SHARDED
    settings: dict[str, Any] = {
        "model": dataclasses.replace(model, scan_layers=True, remat="full") if large else model,
        "duration": Duration(steps=PAPER_STEPS),
        "data": DataConfig(PAPER_CORPUS, f"bpe:{PAPER_VOCABULARY}", unique_tokens),
        "optimizer": OptimizerConfig(kaplan_learning_rate(size), beta2=0.95, weight_decay=0.0),
        "schedule": ScheduleConfig(kind="cosine", warmup_steps=PAPER_WARMUP),
        "evaluation": EvaluationConfig(validation_tokens=2**24, test_tokens=PAPER_TEST),
        "checkpoint": CheckpointConfig(every_seconds=600),
        "mesh": MeshConfig(fsdp=64) if large else MeshConfig(),
        "batch_tokens": PAPER_BATCH,
        "micro_batch_tokens": 2**13 if large else 2**15,
        "log_every": 100,
    }
    return Experiment(**(settings | fields))


def replicated(config: Experiment, seeds: tuple[int, ...] = SEEDS) -> dict[str, Experiment]:
    """The same point by other first parameters and orders."""
    return {f"seed{seed}": dataclasses.replace(config, seed_init=seed, seed_order=seed) for seed in seeds}
