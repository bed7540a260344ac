"""Batches: one pass of fresh tokens at six batch sizes, each loss annealed.

Claim: steps and tokens to a given loss satisfy (S / S_min - 1)(E / E_min - 1) = 1, and B_crit = E_min / S_min
grows as the loss falls (Kaplan 2020, 2001.08361, eq. 5.1 and 1.4).
Expected: the batch of the study of epochs, 1,024 tokens, is below B_crit at every loss reached.
Command: quarry sweep batches, where the folder `novels` is (experiments/epochs/novels.py makes it).
"""

import dataclasses
import math

from quarry.experiments.epochs import SMALL, fresh, optimized
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.config.experiment import Experiment

TOKENS = 2**22
BATCHES = (512, 2048, 4096, 8192, 16_384)
"""Batch sizes in tokens, besides 1,024 of the recipe itself."""


def base(d_model: int, batch: int = SMALL.batch_tokens) -> Experiment:
    """The recipe of the study of epochs on four million fresh tokens, at one batch size.

    The learning rate scales with the square root of the batch, the rule for Adam; the shortest branch has the
    same number of steps.
    """
    config = fresh(d_model, TOKENS, CORPUS, dataclasses.replace(SMALL, batch_tokens=batch))
    rate = config.optimizer.learning_rate * math.sqrt(batch / SMALL.batch_tokens)
    return optimized(config, learning_rate=rate)


def variants(d_model: int) -> dict[str, Experiment]:
    """The same point at each other batch size."""
    return {f"b{batch}": base(d_model, batch) for batch in BATCHES}
