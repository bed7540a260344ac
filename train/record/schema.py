"""The schema of the record: statuses, the files of a run, and the columns of the points table.

To add a column of the points table, add it to POINT_COLUMNS. Its value comes from the row of the evaluation
(`evals.jsonl`); a value of the whole run comes from `run.json` if the column is in RUN_COLUMNS too.
"""

import re
from typing import Literal

import polars as pl

Status = Literal["running", "finished", "diverged", "preempted", "failed"]

TERMINAL: tuple[Status, ...] = ("finished", "diverged")
"""Statuses of runs that are never resumed; a diverged run is a result."""

FILES = (
    "config.json",
    "metrics.jsonl",
    "evals.jsonl",
    "events.jsonl",
    "metrics.parquet",
    "evals.parquet",
    "run.json",
)
"""The files of the record of a run; run.json, which holds the status, comes last."""

LOCK = ".lock"
"""The lock file of the process that trains the run."""

WALL_CLOCK_COLUMNS = ("tokens_per_second", "wall_seconds")
"""The only columns that may differ between a run and the same run killed and resumed."""

POINT_COLUMNS: dict[str, pl.DataType] = {
    "study": pl.String(),
    "point": pl.String(),
    "trunk": pl.String(),  # the point that this one is a branch of
    "status": pl.String(),
    "split": pl.String(),  # validation | test
    "annealed": pl.Boolean(),  # the learning rate had decayed when the loss was measured
    "step": pl.Int64(),
    "tokens": pl.Int64(),  # E, processed
    "unique_tokens": pl.Int64(),  # U, available
    "epochs": pl.Float64(),  # E / U
    "batch_tokens": pl.Int64(),  # B
    "n_params": pl.Int64(),
    "n_nonembedding": pl.Int64(),
    "n_head": pl.Int64(),
    "n_embedding": pl.Int64(),
    "flops_6ne": pl.Float64(),  # 6 * n_nonembedding * tokens; shared layers count as often as they run
    "flops_exact": pl.Float64(),  # head and causal attention counted
    "flops_xla": pl.Float64(),  # what XLA counted for the training step
    "flops_selection": pl.Float64(),  # of choosing what is read, up to this step; in no other column
    "loss": pl.Float64(),  # nats per token, fp32
    "loss_sem": pl.Float64(),  # standard error over sequences
    "unigram_entropy": pl.Float64(),  # L_0: of the same text under the training split's token counts, nats
    "bits_per_byte": pl.Float64(),
    "entropy_rate": pl.Float64(),  # of a synthetic source: the least loss from any number of tokens
    "floor": pl.Float64(),  # L*(U): the least expected loss from the run's U tokens, where it is exact
    "floor_seen": pl.Float64(),  # the same from the distinct tokens seen up to this step
    "source_loss": pl.Float64(),  # of a synthetic source itself on the scored text
    "kl": pl.Float64(),  # mean KL(source || model) on the scored text, of the last step where it is known
    "learning_rate": pl.Float64(),  # of the step before the measurement
    "peak_learning_rate": pl.Float64(),
    "weight_decay": pl.Float64(),
    "dropout": pl.Float64(),
    "architecture": pl.String(),  # transformer, universal (one block, applied n_layers times), lstm
    "parametrization": pl.String(),  # standard, mup, completep
    "train_loss": pl.Float64(),  # of the last logged step
    "noise_scale": pl.Float64(),  # tr Sigma / |G|^2 of the gradient, tokens; running mean of the logged steps
    "d_model": pl.Int64(),
    "n_layers": pl.Int64(),
    "context": pl.Int64(),
    "vocab_size": pl.Int64(),
    "seed_init": pl.Int64(),
    "seed_order": pl.Int64(),
    "draw": pl.Int64(),  # which U tokens of the corpus
    "selection": pl.String(),  # the rule that chose them
    "corpus": pl.String(),
    "tokenizer": pl.String(),
    "gzip_bits_per_byte": pl.Float64(),  # of gzip -9 on the scored test text
    "xz_bits_per_byte": pl.Float64(),
    "device": pl.String(),
    "wall_seconds": pl.Float64(),
}
"""One row per evaluation; units: tokens, parameters, FLOPs, nats per token."""

OTHER_LOSS = re.compile(r"(loss|loss_sem|bits_per_byte)_on_([a-z]\w*)|(loss|loss_sem|tokens)_of_([a-z]\w*)")
"""Columns that a points table has beside POINT_COLUMNS where a run measured them: the loss on another text or
on the run's own training text (`_on_train`), and the loss of a class of tokens, with their number."""

RUN_COLUMNS = (
    "trunk",
    "unique_tokens",
    "batch_tokens",
    "peak_learning_rate",
    "weight_decay",
    "dropout",
    "architecture",
    "parametrization",
    "n_params",
    "n_nonembedding",
    "n_head",
    "n_embedding",
    "entropy_rate",
    "floor",
    "d_model",
    "n_layers",
    "context",
    "vocab_size",
    "seed_init",
    "seed_order",
    "draw",
    "selection",
    "flops_selection",
    "device",
)
"""Columns whose value is a field of run.json, the same for every evaluation of the run."""
BEFORE_RECORDED = {"architecture": "transformer", "parametrization": "standard", "selection": "random"}
"""What the runs of versions had that did not record these columns."""
