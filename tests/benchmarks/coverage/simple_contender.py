"""Intervals of a new run by the package simple-scaling-laws, for a process that has it installed.

The first line written names its `version`. Each line read is a JSON object: `law`, `below` (columns N, E and
loss, or E and loss), `beyond` (N, E), `quantiles` and `draws` (null for the package's own number). Each is
answered by a line: `quantiles` (of the loss, [quantiles][points]) and the codes of the fit's notes of
severity `error`, or why the package `refused`. All else is the package's default; its README predicts beyond
the data by the same call as within.
"""

import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from simple_scaling_laws import __version__, fit  # pyright: ignore[reportMissingImports]
from simple_scaling_laws.model import quantile_suffixes  # pyright: ignore[reportMissingImports]

TARGET = "test_loss__cross_entropy"
COLUMNS = {"N": "model_size__n_params", "E": "dataset_size__n_tokens", "loss": TARGET}


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """The quantiles of each point beyond, or why there are none."""
    try:
        below = _table(question["below"]).with_row_index("training_run_id")
        model = fit(below, law=question["law"], n_draws=question["draws"])
        found = model.predict(_table(question["beyond"]), kind="new-run", quantiles=question["quantiles"])
    except (ValueError, ArithmeticError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}
    errors = [note.code for note in model.warnings if note.severity == "error"]
    return {"quantiles": _quantiles(found, question["quantiles"]), "errors": errors}


def _table(columns: Mapping[str, Sequence[float]]) -> pl.DataFrame:
    return pl.DataFrame({COLUMNS[name]: values for name, values in columns.items()})


def _quantiles(found: pl.DataFrame, quantiles: Sequence[float]) -> list[list[float]]:
    return [found[f"{TARGET}__{suffix}"].to_list() for suffix in quantile_suffixes(quantiles)]


def main() -> None:
    """Answer the lines of the input, each at once."""
    warnings.simplefilter("ignore")
    print(json.dumps({"version": __version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
