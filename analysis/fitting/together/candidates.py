"""Which laws apply to points: by what varies in them, and whether data repeat."""

import polars as pl

from quarry.analysis.laws.catalog import LAWS, find_law
from quarry.analysis.laws.law import Law
from quarry.analysis.laws.mixture import overtraining_of_counts
from quarry.analysis.points.schema import SAME_VALUE, repeats_data
from quarry.analysis.points.table import Points
from quarry.errors import FitError

_REPEATING = ("data-constrained", "effective-reuse", "overfit-epochs")
_FRESH = ("chinchilla", "skaling")
_ONE_INPUT = ("power-offset", "broken-power")


def applicable_laws(table: pl.DataFrame) -> list[Law]:
    """The laws of the inputs that vary in a table of points. Raises FitError where none does."""
    varied = [name for name in ("N", "E") if _varies(table, name)]
    if varied == ["N", "E"]:
        repeats = "U" in table.columns and bool(table.select(repeats_data().any()).item())
        return [LAWS[name] for name in _REPEATING] if repeats else _fresh()
    for name in (*varied, "C", "U"):
        if _varies(table, name):
            return [find_law(law, name) for law in _ONE_INPUT]
    raise FitError("no law applies: neither N, E, C nor U varies in these points")


def without_repeats(points: Points) -> Points:
    """The points that read no part of their data twice; all, where it is not known."""
    if "U" not in points.table.columns:
        return points
    repeated = points.table.select(repeats_data().fill_null(False)).to_series()
    reason = "repeat data (E > U), and bound no law of it"
    return points.without(repeated, reason) if repeated.any() else points


def member(name: str, inputs: tuple[str, ...]) -> Law:
    """The law of a mixture by its name and the mixture's inputs. Raises LawError."""
    return overtraining_of_counts() if name == "overtraining" else find_law(name, inputs[0])


def _fresh() -> list[Law]:
    return [*(LAWS[name] for name in _FRESH), overtraining_of_counts()]


def _varies(table: pl.DataFrame, name: str) -> bool:
    if name not in table.columns:
        return False
    values = table[name].cast(pl.Float64).drop_nulls().to_numpy()
    return len(values) > 0 and bool(values.max() > values.min() * (1 + SAME_VALUE))
