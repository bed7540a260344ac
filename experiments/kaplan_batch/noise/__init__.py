"""The gradient noise scale of two sizes at five batches, beside the critical batch of their sweep.

Claim: McCandlish 2018 (1812.06162), section 2.2: the noise scale predicts the critical batch to an order of
magnitude.
Expected: the noise scale grows tenfold as the loss falls from 5 to 2.4 nats per byte, and meets B_crit there.
Command: quarry sweep kaplan_batch/noise; quarry critical-batch runs/noise

About four minutes of processor time, where a folder `novels` of text files is. The committed tables are of 99
whole novels, a file each; the pieces that experiments/epochs/novels.py makes of them are other documents.
"""

from quarry.experiments.epochs.cpu import CORPUS
from quarry.model.config import modern
from quarry.train.config.experiment import (
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

BATCHES = {
    512: (200_000, 2e-3),
    1024: (240_000, 2.8e-3),
    2048: (300_000, 4e-3),
    4096: (400_000, 5.6e-3),
    8192: (600_000, 8e-3),
}
"""Batch in tokens -> tokens processed, and the rate, which grows as the root of the batch."""
SMALLEST = min(BATCHES)


def at_batch(width: int, batch: int = SMALLEST) -> Experiment:
    """A constant rate at one batch, which is logged and scored often. Heads have 16 features."""
    tokens, rate = BATCHES[batch]
    return Experiment(
        model=modern(width, 2, width // 16, context=64),
        duration=Duration(tokens=tokens),
        data=DataConfig(corpus=CORPUS),
        evaluation=EvaluationConfig(validation_tokens=16_384, test_tokens=4096, count=8),
        optimizer=OptimizerConfig(learning_rate=rate, beta2=0.95),
        schedule=ScheduleConfig(kind="constant", warmup_steps=20),
        batch_tokens=batch,
        micro_batch_tokens=min(512, batch // 2),
        log_every=max(1, 4096 // batch),
    )


def variants(width: int) -> dict[str, Experiment]:
    """The same size at each larger batch."""
    return {f"b{batch}": at_batch(width, batch) for batch in BATCHES if batch != SMALLEST}
