"""Geometry: does the exponent of L(N) follow from the dimension of what is learned?

Claim (Sharma & Kaplan 2020, 2004.10802): alpha_N is about 4 / d, d the intrinsic dimension of the data, and
no smaller: a network of N parameters cuts d dimensions into cells of size N^(-1/d), in each of which it errs
by the square of the size, and a squared error by its fourth power.
Expected: students of teachers with d inputs have alpha near 4 / d; the dimension of the last layer of a small
language model, which estimates bound from below, says little about its alpha.
Commands:
    quarry sweep geometry
    quarry points runs/geometry -o points.parquet
    for run in runs/geometry/*; do quarry activations $run activations/$(basename $run).npy; done
    quarry dimension activations/*.npy -o dimensions.csv
    python -m quarry.experiments.geometry._students -o students.csv --activations students
    quarry dimension students/*.npy --points 2048 --controls 2 3 4 6 8 -o student_dimensions.csv
    python -m quarry.analysis.geometry .

The scale points are a ladder of seven sizes on 2^20 tokens of speeches. Three tenths of the documents are
held out, so that every half century has some (`finetuning` uses the same runs). The rate falls as 1 / d_model
(`quickstart`). The students are a module of their own: no scale points.
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

TOKENS, CONTEXT, HEAD_DIM, LAYERS = 2**20, 128, 16, 2


def recipe(d_model: int) -> Experiment:
    """The scale point of a width."""
    heads = max(1, d_model // HEAD_DIM)
    return Experiment(
        model=modern(d_model, LAYERS, heads, head_dim=HEAD_DIM, context=CONTEXT),
        data=DataConfig(corpus="sotu", tokenizer="bytes", validation_fraction=0.1, test_fraction=0.2),
        duration=Duration(tokens=TOKENS),
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model),
        schedule=ScheduleConfig(kind="wsd", warmup=0.05, decay=0.25),
        evaluation=EvaluationConfig(validation_tokens=262_144, test_tokens=4096, count=1),
        batch_tokens=1024,
        log_every=100,
    )
