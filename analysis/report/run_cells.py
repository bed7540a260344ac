"""The table of runs: its columns, and each cell in words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from quarry import text

Run = Mapping[str, Any]
"""A row of `run_table`."""

HEADINGS = {
    "run": "run", "status": "status", "N": "N", "E": "E", "loss": "loss ± s.e.", "U": "U", "k": "k", "B": "B",
    "S": "S", "C": "C", "test_loss": "test loss", "train_loss": "training", "bits_per_byte": "bits/byte",
    "peak_learning_rate": "peak rate", "tokens_per_second": "tokens/s", "wall_seconds": "time",
}  # fmt: skip
"""By column of `run_table`, in the order of the page."""

_FORMS: dict[str, Callable[[Any], str]] = {
    "test_loss": "{:.4f}".format,
    "train_loss": "{:.3f}".format,
    "k": lambda value: text.number(value, 3),
    "C": text.power,
    "bits_per_byte": lambda value: text.number(value, 3),
    "peak_learning_rate": lambda value: text.number(value, 2),
    "wall_seconds": text.duration,
}
"""How the values of a column are written; others are counts."""


def headings(runs: Sequence[Run]) -> dict[str, str]:
    """The columns that some run has a value of, with their headings."""
    known = {name: words for name, words in HEADINGS.items() if any(run[name] is not None for run in runs)}
    return known | ({} if any(run["loss_sem"] is not None for run in runs) else {"loss": "loss"})


def cell(run: Run, column: str) -> str:
    """A number of a run; a star says that a loss was measured before the learning rate had decayed."""
    value = run[column]
    if value is None:
        return "–"
    if column == "loss":
        error = "" if run["loss_sem"] is None else f" ± {text.number(run['loss_sem'], 2)}"
        return f"{value:.4f}{error}{'' if run['annealed'] else '*'}"
    return _FORMS.get(column, text.count)(value)
