"""Passes at the scale where they were published: 2.8 to 8.7 billion parameters on nested parts of C4.

N, E and U are those of the three largest sizes among the 182 runs of Muennighoff 2023 (2305.16264), one to
fourteen passes. From the paper as we recall it: a context of 2,048, a cosine to a tenth of the rate 2e-4,
weight decay 0.1. Widths and layers give their N; batch and sharding are our choice.

Command: quarry sweep epochs/paper; what it costs is in docs/results.md.
"""

import dataclasses

from quarry.experiments._scales import PAPER_CORPUS, PAPER_VOCABULARY, at_paper, paper_model
from quarry.train.config.experiment import DataConfig, Duration, Experiment, OptimizerConfig, ScheduleConfig

BILLION = 10**9
CONTEXT, BATCH = 2048, 2**21


def point(n_layers: int, d_model: int, tokens: int, unique_tokens: int) -> Experiment:
    """One size over `tokens` tokens, `unique_tokens` of them different."""
    return at_paper(
        paper_model(n_layers, d_model, context=CONTEXT),
        data=DataConfig(PAPER_CORPUS, f"bpe:{PAPER_VOCABULARY}", unique_tokens),
        duration=Duration(tokens=tokens),
        optimizer=OptimizerConfig(learning_rate=2e-4, beta2=0.95, weight_decay=0.1),
        schedule=ScheduleConfig(kind="cosine", warmup=0.01, final=0.1),
        batch_tokens=BATCH,
    )


def subsets(config: Experiment, billions: tuple[int, ...]) -> dict[str, Experiment]:
    """The same size and tokens with fewer of them different."""
    return {
        f"u{each}b": dataclasses.replace(
            config, data=dataclasses.replace(config.data, unique_tokens=each * BILLION)
        )
        for each in billions
    }
