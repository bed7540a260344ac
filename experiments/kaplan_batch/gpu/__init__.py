"""The sweep of batches on one GPU: 3 and 85 million parameters, seven batches of 2,048 to 131,072 tokens.

Sizes of Kaplan 2020, figure 18, whose models have 3 and 85 million parameters; batches, text and length are
our choice. The noise scale is measured at each evaluation, in 8 parts of a batch (4 of the smallest).

Command: quarry sweep kaplan_batch/gpu --workdir runs/kaplan_batch, where the folder `novels` is; then
quarry critical-batch runs/kaplan_batch/gpu
"""

import dataclasses

from quarry.experiments import kaplan_batch
from quarry.experiments._scales import GPU, GPU_TOKENS
from quarry.train.config.experiment import Experiment

BATCHES = tuple(2**power for power in (11, 12, 14, 15, 16, 17))
"""Besides 8,192 tokens of the recipe itself."""


def base(d_model: int, batch: int = GPU.batch_tokens) -> Experiment:
    """One size at one batch, with a branch at each power of two of tokens that is long enough."""
    config = kaplan_batch.base(d_model, batch, GPU, GPU_TOKENS)
    evaluation = dataclasses.replace(config.evaluation, noise_parts=4 if batch < 4096 else 8)
    return dataclasses.replace(config, evaluation=evaluation)


def variants(d_model: int) -> dict[str, Experiment]:
    """The same size at each other batch."""
    return {f"b{batch}": base(d_model, batch) for batch in BATCHES}
