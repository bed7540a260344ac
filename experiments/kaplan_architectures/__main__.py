"""How far each architecture is behind the Transformer.

python -m quarry.experiments.kaplan_architectures POINTS -o FILE
Losses are means over the seeds of a size. The Transformer's between its sizes is read off a line in ln N, or
in ln C; outside its sizes nothing is said. The error of a difference is that of both means, the Transformer's
as of one run, by the spread of seeds pooled over the sizes that have three.
"""

import numpy as np
import polars as pl

from quarry.experiments._verdicts import last_losses, write_verdict

BESIDE = {"behind_at_n": "n_nonembedding", "behind_at_c": "flops_exact"}
"""The difference in loss from the Transformer, and what is equal."""


def losses(points: pl.DataFrame) -> pl.DataFrame:
    """The last validation loss of each run, with its architecture, seed, size and FLOPs."""
    last = last_losses(points).filter(status="finished")
    return last.select("architecture", "d_model", "seed_init", *BESIDE.values(), "loss").sort(
        "architecture", "n_nonembedding", "seed_init"
    )


def seed_noise(table: pl.DataFrame) -> float:
    """The standard deviation of the loss between seeds, pooled over the sizes that have several; in nats."""
    spread = table.group_by("architecture", "d_model").agg(pl.col("loss").var(), n=pl.len()).filter(n=3)
    return float(np.sqrt(spread["loss"].to_numpy().mean()))


def compared(table: pl.DataFrame) -> pl.DataFrame:
    """A row for each architecture and size: the mean `loss` of its `seeds`, the columns of BESIDE in nats,
    null outside the Transformer's sizes, and `error`, the standard error of such a difference."""
    sizes = table.group_by("architecture", "d_model", *BESIDE.values(), maintain_order=True)
    means = sizes.agg(pl.col("loss").mean(), seeds=pl.len())
    reference = means.filter(architecture="transformer").sort("n_nonembedding")
    columns = [(seed_noise(table) * (1 + 1 / means["seeds"]).sqrt()).alias("error")]
    for name, size in BESIDE.items():
        x, known = np.log(means[size].to_numpy()), np.log(reference[size].to_numpy())
        expected = np.interp(x, known, reference["loss"].to_numpy(), left=np.nan, right=np.nan)
        columns.append(pl.Series(name, means["loss"].to_numpy() - expected).fill_nan(None))
    return means.with_columns(columns)


if __name__ == "__main__":
    write_verdict(__doc__ or "", "architectures.csv", lambda points: compared(losses(points)))
