"""Passes at the scale where they were published: 2.8 to 8.7 billion parameters on nested parts of C4.

N, E and U are those of the three largest sizes among the 182 runs of Muennighoff 2023 (2305.16264), one to
fourteen passes. From the paper as we recall it: a context of 2,048, a cosine to a tenth of the rate 2e-4,
weight decay 0.1. Widths and layers give their N; batch and sharding are our choice.

Command: quarry sweep epochs/paper; what it costs is in docs/results.md.
"""

import dataclasses

from quarry.model.config import MeshConfig, kaplan
from quarry.train.config.experiment import (
    CheckpointConfig,
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

BILLION = 10**9
VOCABULARY, CONTEXT, BATCH, HEAD_DIM = 50_257, 2048, 2**21, 128
DEVICES = 64


def point(n_layers: int, d_model: int, tokens: int, unique_tokens: int) -> Experiment:
    """One size over `tokens` tokens, `unique_tokens` of them different."""
    shape = {"n_heads": d_model // HEAD_DIM, "context": CONTEXT, "vocab_size": VOCABULARY}
    model = kaplan(d_model, n_layers, **shape, compute_dtype="bfloat16", scan_layers=True, remat="full")
    return Experiment(
        model=model,
        data=DataConfig("tfds:c4", f"bpe:{VOCABULARY}", unique_tokens),
        duration=Duration(tokens=tokens),
        optimizer=OptimizerConfig(learning_rate=2e-4, beta2=0.95, weight_decay=0.1),
        schedule=ScheduleConfig(kind="cosine", warmup=0.01, final=0.1),
        evaluation=EvaluationConfig(validation_tokens=2**24, test_tokens=2**24),
        checkpoint=CheckpointConfig(every_seconds=600),
        mesh=MeshConfig(fsdp=DEVICES),
        batch_tokens=BATCH,
        micro_batch_tokens=2**17,
        log_every=100,
    )


def subsets(config: Experiment, billions: tuple[int, ...]) -> dict[str, Experiment]:
    """The same size and tokens with fewer of them different."""
    return {
        f"u{each}b": dataclasses.replace(
            config, data=dataclasses.replace(config.data, unique_tokens=each * BILLION)
        )
        for each in billions
    }
