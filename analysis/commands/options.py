"""Options that several commands of the analysis share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, UseAppendAction, arg

from quarry.analysis.points.choices import Count, Split

PointsPath = Annotated[
    Positional[Path],
    arg(help="A directory of runs, also gs://bucket/folder, or a table: CSV, TSV, JSON, JSONL or Parquet."),
]
LossColumn = Annotated[str, arg(help="The column that holds the loss.")]
MidSchedule = Annotated[bool, arg(help="Also use losses measured before the learning rate had decayed.")]
Repeated = UseAppendAction[tuple[str, ...]]
"""An option that may be given several times."""


@dataclass(frozen=True)
class ReadingOptions:
    """Which losses of a table are read, and against which count of parameters."""

    count: Count = "n_nonembedding"
    """Which parameters N counts, where the table has several counts."""
    split: Split = "validation"
    """The held-out text of the losses, where the table has both."""
    columns: Repeated = ()
    """The table's own names of columns, such as N=num_params,D=1e9*tokens; "status=" leaves a column out."""
    exclude: Repeated = ()
    """Conditions on points to leave out, such as "N<1e5", "run=study/point" or "E/N>30 or loss>4"."""
    best_recipe: bool = False
    """Of several recipes (learning rate, batch size, ...) at one N, U and E keep that of the least loss."""


@dataclass(frozen=True)
class BootstrapOptions:
    """How intervals are drawn."""

    bootstrap: int
    """Number of bootstrap draws; 0 for no intervals."""
    level: float = 0.95
    """Probability of the intervals."""
    seed: int = 0
    """Seed of the draws."""


@dataclass(frozen=True)
class OutputOptions:
    """Where results go, beside the console."""

    json: Path | None = None
    """Also write the result to this file, as JSON."""
    figures: Path | None = None
    """Also draw the figures into this folder, as SVG, PDF and PNG."""
