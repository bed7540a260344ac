"""Batches: one pass of fresh tokens at six batch sizes, each loss annealed.

Claim: to one loss, (S / S_min - 1)(E / E_min - 1) = 1, and B_crit = E_min / S_min grows as the loss falls
(Kaplan 2020, 2001.08361, eq. 5.1 and 1.4).
Expected: the batch of the study of epochs, 1,024 tokens, lies below B_crit at every loss reached.
Command: quarry sweep batches, where the folder `novels` lies (experiments/epochs/novels.py makes it).
"""

import dataclasses
import math

from quarry.experiments.epochs import SMALL, fresh, optimized
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.config.experiment import Experiment

TOKENS = 2**22
BATCHES = (512, 2048, 4096, 8192, 16_384)
"""Tokens, beside the recipe's own 1,024."""


def base(d_model: int, batch: int = SMALL.batch_tokens) -> Experiment:
    """The recipe of the study of epochs on four million tokens, none of them seen twice, at one batch.

    The rate goes with the square root of the batch, as Adam asks for; the shortest branch has equal steps.
    """
    config = fresh(d_model, TOKENS, CORPUS, dataclasses.replace(SMALL, batch_tokens=batch))
    rate = config.optimizer.learning_rate * math.sqrt(batch / SMALL.batch_tokens)
    return optimized(config, learning_rate=rate)


def variants(d_model: int) -> dict[str, Experiment]:
    """The same at each other batch."""
    return {f"b{batch}": base(d_model, batch) for batch in BATCHES}
