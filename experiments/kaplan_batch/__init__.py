"""The critical batch: one pass of fresh tokens at several batch sizes, each loss annealed.

Claim: steps and tokens to a given loss satisfy (S / S_min - 1)(E / E_min - 1) = 1, and B_crit = E_min / S_min
grows as the loss falls (Kaplan 2020, 2001.08361, eq. 5.1 and 1.4).
Expected: the batch of the study of epochs, 1,024 tokens, is below B_crit at every loss reached.
Command: quarry sweep kaplan_batch, where the folder `novels` is (experiments/epochs/novels.py makes it).

`noise` measures the gradient noise scale beside a sweep of its own; `gpu` is a sweep for one GPU, `paper`
that of the paper's sizes.
"""

import dataclasses
import math

from quarry.experiments.epochs import SMALL, Scale, fresh, optimized
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.config.experiment import Experiment

TOKENS = 2**22
BATCHES = (512, 2048, 4096, 8192, 16_384)
"""Batch sizes in tokens, besides 1,024 of the recipe itself."""


def base(
    d_model: int, batch: int = SMALL.batch_tokens, scale: Scale = SMALL, tokens: int = TOKENS
) -> Experiment:
    """The recipe of the study of epochs on `tokens` fresh tokens, at one batch size.

    The learning rate scales with the square root of the batch, the rule for Adam; the shortest branch has the
    same number of steps.
    """
    config = fresh(d_model, tokens, CORPUS, dataclasses.replace(scale, batch_tokens=batch))
    rate = config.optimizer.learning_rate * math.sqrt(batch / scale.batch_tokens)
    return optimized(config, learning_rate=rate)


def variants(d_model: int) -> dict[str, Experiment]:
    """The same point at each other batch size."""
    return {f"b{batch}": base(d_model, batch) for batch in BATCHES}
