"""Quarries on one GPU: 3 million parameters on eight million tokens of each kind of data.

A corpus with fewer tokens is read more than once. The size and the length are our choice.

Command: quarry sweep quarries/gpu
"""

import dataclasses

from quarry.experiments._scales import at_gpu
from quarry.experiments.quarries.smallest import of_kind
from quarry.train.config.experiment import Duration, EvaluationConfig, Experiment

TOKENS = 2**23


def on(corpus: str) -> Experiment:
    """The point on a corpus."""
    config = dataclasses.replace(
        at_gpu(256),
        duration=Duration(tokens=TOKENS),
        evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=65_536),
    )
    return of_kind(config, corpus)
