"""What each shape loses against the base: python -m quarry.experiments.kaplan_shape POINTS -o FILE.

The error is that of a difference of two single runs, by the spread of the base's three seeds.
"""

import numpy as np
import polars as pl

from quarry.experiments._verdicts import last_losses, write_verdict
from quarry.experiments.kaplan_shape import ASPECTS, BASE, FEED_FORWARD, HEADS
from quarry.model.config import ModelConfig
from quarry.model.counting import count_parameters

FAMILIES = {"aspect": ASPECTS, "heads": HEADS, "feed_forward": FEED_FORWARD}


def shapes() -> dict[str, ModelConfig]:
    """The model of each point, by the point's name; the first of a file has the file's."""
    named = {"base": BASE}
    for file, family in FAMILIES.items():
        (_, first), *others = family.items()
        named |= {file: first} | {f"{file}-{name}": model for name, model in others}
    return named


def compared(points: pl.DataFrame) -> pl.DataFrame:
    """A row for each shape: its shape and N, the last validation loss, what it loses against the mean of the
    base's seeds as a share, and the standard error of that."""
    last = last_losses(points).filter(status="finished")
    loss = dict(last.select("point", "loss").iter_rows())
    base = np.array([value for name, value in loss.items() if name.startswith("base")])
    rows = [
        {
            "point": name,
            "d_model": model.d_model,
            "n_layers": model.n_layers,
            "n_heads": model.n_heads,
            "d_ff": model.d_hidden,
            "n_nonembedding": count_parameters(model).nonembedding,
            "loss": base.mean() if name == "base" else loss[name],
        }
        for name, model in shapes().items()
    ]
    excess = pl.col("loss") / base.mean() - 1
    error = float(base.std(ddof=1) / base.mean() * np.sqrt(1 + 1 / len(base)))
    return pl.DataFrame(rows).with_columns(excess=excess, error=pl.lit(error))


if __name__ == "__main__":
    write_verdict(__doc__ or "", "shapes.csv", compared)
