"""TensorBoard directories: a run per folder of event files."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from quarry.errors import PointsError

EVENTS = "*tfevents*"
_PARAMETERS = "num_model_parameters"
"""What MaxText calls the text that holds the number of parameters."""


def read_tensorboard(folder: Path) -> pl.DataFrame:
    """A row per step of each run, a column per tag of scalars; `run` is the folder below `folder`."""
    files = sorted(path for path in folder.rglob(EVENTS) if path.is_file())
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    for path in files:
        run = str(path.parent.relative_to(folder.parent if path.parent == folder else folder))
        parameters = None
        for event in _events(path):
            for value in event.summary.value:
                if value.tag.startswith(_PARAMETERS) and value.tensor.string_val:
                    parameters = float(value.tensor.string_val[0])
                elif (scalar := _scalar(value)) is not None:
                    row = rows.setdefault((run, event.step), {"run": run, "step": event.step})
                    row[value.tag] = scalar
        for row in rows.values():
            if parameters is not None and row["run"] == run:
                row["params"] = parameters
    return pl.DataFrame(list(rows.values()), infer_schema_length=None)


def _events(path: Path) -> Iterator[Any]:
    """The whole events of a file; a torn last record (the process died) ends it. Records are length, data
    and their checksums."""
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

    content, at = path.read_bytes(), 0
    while at + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        if at + 16 + length > len(content):
            return
        try:
            yield Event.FromString(content[at + 12 : at + 12 + length])
        except DecodeError:
            raise PointsError(f"{path}: a damaged event at byte {at}") from None
        at += 16 + length


def _scalar(value: Any) -> float | None:
    """A scalar, as TensorBoard 1 and 2 write it; None for anything else."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor") or value.tensor.tensor_shape.dim:
        return None
    tensor = value.tensor
    if tensor.float_val or tensor.double_val:
        return float((*tensor.float_val, *tensor.double_val)[0])
    forms = {1: "<f", 2: "<d"}  # DT_FLOAT, DT_DOUBLE
    form = forms.get(tensor.dtype)
    whole = form and len(tensor.tensor_content) == struct.calcsize(form)
    return float(struct.unpack(form, tensor.tensor_content)[0]) if form and whole else None
