"""Tables that Weights & Biases exports: of runs, and of the curves of a panel.

A table of runs has a row per run with Name and State, its configuration and summary. A panel's has the
columns Step (or another axis) and, for each run, `RUN - METRIC`, with `__MIN` and `__MAX` beside it.
"""

import polars as pl

_STATES = {"finished": "finished", "failed": "failed", "crashed": "failed", "killed": "failed"}
"""Its words for the status of a run, and ours."""


def is_runs(table: pl.DataFrame) -> bool:
    return {"Name", "State"} <= set(table.columns)


def is_panel(table: pl.DataFrame) -> bool:
    return any(name.endswith("__MIN") and " - " in name for name in table.columns)


def read_runs(table: pl.DataFrame) -> pl.DataFrame:
    """A table of runs with the columns run and status; other states, as running, are kept as they are."""
    status = pl.col("State").str.to_lowercase().replace(_STATES)
    return table.rename({"Name": "run"}).with_columns(status=status).drop("State")


def read_panel(table: pl.DataFrame) -> pl.DataFrame:
    """A row for each run and step of a panel, and a column for each metric."""
    axis = table.columns[0]
    curves = [name for name in table.columns[1:] if " - " in name and not name.endswith(("__MIN", "__MAX"))]
    long = table.unpivot(curves, index=axis, variable_name="curve").drop_nulls("value")
    split = pl.col("curve").str.extract_groups(r"^(?<run>.*) - (?<metric>.+)$")
    long = long.with_columns(split).unnest("curve")
    return long.pivot("metric", index=["run", axis], values="value", aggregate_function="first")
