"""Runs of 28 times the tokens of the study above, which use their context: the offset of other texts by size,
the loss by position and the loss by class of token.

Claims (Kaplan 2020, 2001.08361): Figure 8, the offset does not depend on size; Figure 20, the loss at
position T is a + b T^-c, with c of .47 to .62 from 393 thousand to 1.5 billion parameters.
Expected: both; c may be another for bytes, which are not words.
Commands, where the folder `novels` is:
    quarry sweep kaplan_transfer/longer --workdir runs/kaplan_transfer
    quarry texts runs/kaplan_transfer/longer --table texts.csv
    quarry context runs/kaplan_transfer/longer --table context.csv -o positions.csv

Four sizes, 64 times apart in N; one pass over 2^23 bytes of novels, contexts of 256 bytes, eight in a step.
"""

from quarry.experiments.epochs.cpu import CORPUS
from quarry.experiments.kaplan_transfer import ALSO
from quarry.model.config import modern
from quarry.train.config.experiment import (
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

SCORED = 2**18
"""Tokens of each text."""


def config(width: int) -> Experiment:
    """The point of a width."""
    return Experiment(
        model=modern(width, 2, width // 16, context=256),
        duration=Duration(tokens=2**23),
        data=DataConfig(corpus=CORPUS),
        evaluation=EvaluationConfig(
            SCORED, test_tokens=4096, count=1, train_tokens=SCORED, also=ALSO, token_classes=True
        ),
        optimizer=OptimizerConfig(learning_rate=0.3 / width),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=20, decay=0.2),
        batch_tokens=2048,
        log_every=20,
    )
