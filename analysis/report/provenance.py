"""How the page was made: devices, versions and data of the runs, and the commands that repeat it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import polars as pl

from quarry.train.record.points_table import display_path, find_runs

PARTS = ("quarry-scaling", "altair", "jax", "numpy", "polars", "vl-convert-python")
"""The packages whose versions decide how the page looks and what it says."""


def describe_provenance(runs: Path) -> dict[str, dict[str, str]]:
    """The origin of runs and page: by heading, names with values; all values where runs differ."""
    records = [directory.read_run() for directory in find_runs(runs)]
    return {
        "Devices": _distinct([{"device": record.get("device")} for record in records]),
        "Versions that trained": _distinct([record.get("versions") for record in records]),
        "Data": _distinct([record.get("data") for record in records]),
        "Test text": _distinct([record.get("test_text") for record in records]),
        "Versions that made this page": {part: metadata.version(part) for part in PARTS},
    }


def describe_table(path: Path, rows: pl.DataFrame) -> dict[str, dict[str, str]]:
    """The origin of a page on a table of points, in the form of `describe_provenance`."""
    table = {"file": str(path), "rows": str(rows.height), "columns": ", ".join(rows.columns)}
    return {"Table": table, "Versions that made this page": {part: metadata.version(part) for part in PARTS}}


def _distinct(records: list[Any]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for record in records:
        for name, value in leaves(record):
            seen = values.setdefault(name, [])
            seen += [value] if value not in seen else []
    return {name: "; ".join(seen) for name, seen in values.items()}


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The scalars in nested objects and lists, each with its dotted path."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from leaves(child, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        yield name, ", ".join(leaf for child in value for _, leaf in leaves(child))
    elif value is not None:
        yield name, str(value)


def page_commands(runs: Path, output: Path, laws: Sequence[str], bootstrap: int, seed: int) -> list[str]:
    """The commands that trained the runs, as recorded, and those that make points, fits and this page."""
    found = [] if runs.is_file() else find_runs(runs)
    trained = [directory.read_run().get("command") for directory in found]
    where = shlex.quote(display_path(runs))
    fits = [f"quarry fit {where} --law {law} --bootstrap {bootstrap} --seed {seed}" for law in laws]
    page = f"quarry report {where} -o {shlex.quote(str(output))}"
    points = [] if runs.is_file() else [f"quarry points {where} -o points.csv"]
    return [*dict.fromkeys(filter(None, trained)), *points, *fits, page]
