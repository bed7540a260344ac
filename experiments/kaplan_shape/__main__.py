"""What each shape loses against the base: python -m quarry.experiments.kaplan_shape POINTS -o FILE.

POINTS are those of the study, or of its GPU size. The error is that of a difference of two single runs, by
the spread of the base's three seeds.
"""

from types import ModuleType

import numpy as np
import polars as pl

from quarry.checks import require
from quarry.experiments import kaplan_shape
from quarry.experiments._verdicts import last_losses, write_verdict
from quarry.experiments.kaplan_shape import gpu
from quarry.model.config import ModelConfig
from quarry.model.counting import count_parameters

SCALES = {"kaplan_shape": kaplan_shape, "gpu": gpu}
"""By the column study of their points. At the paper's size each file has an N of its own."""


def shapes(of: ModuleType) -> dict[str, ModelConfig]:
    """The model of each point, by the point's name; the first of a file has the file's."""
    named = {"base": of.BASE}
    families = {"aspect": of.ASPECTS, "heads": of.HEADS, "feed_forward": of.FEED_FORWARD}
    for file, family in families.items():
        (_, first), *others = family.items()
        named |= {file: first} | {f"{file}-{name}": model for name, model in others}
    return named


def compared(points: pl.DataFrame) -> pl.DataFrame:
    """A row for each shape: its shape and N, the last validation loss, what it loses against the mean of the
    base's seeds as a share, and the standard error of that.

    Raises ConfigError for points of another study.
    """
    study = str(points["study"][0])
    require(study in SCALES, f"points of the study {study!r}, not of {' or '.join(SCALES)}")
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
        for name, model in shapes(SCALES[study]).items()
    ]
    excess = pl.col("loss") / base.mean() - 1
    error = float(base.std(ddof=1) / base.mean() * np.sqrt(1 + 1 / len(base)))
    return pl.DataFrame(rows).with_columns(excess=excess, error=pl.lit(error))


if __name__ == "__main__":
    write_verdict(__doc__ or "", "shapes.csv", compared)
