"""The run directory: what one run leaves on disk.

A run directory `runs/<study>/<point>/` holds

    config.json     the resolved experiment
    metrics.jsonl   append-only, a row per logged training step
    evals.jsonl     append-only, a row per evaluation
    events.jsonl    append-only: what went wrong and what was done about it
    run.json        status, counts, versions, device, seeds, data manifest
    checkpoints/    Orbax

No module that the analysis reads (schema, files, run_directory, points_table) imports JAX.
"""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import polars as pl

from quarry.errors import RecordError
from quarry.train.record.files import (
    JsonlLog,
    Mark,
    drop_rows_after,
    mark_of,
    read_jsonl,
    to_json,
    write_bytes,
    write_json,
)
from quarry.train.record.schema import FILES, LOCK, TERMINAL, Status


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run. `path` is `runs/<study>/<point>`."""

    path: Path

    def __str__(self) -> str:
        """The path or address that the user gave."""
        return str(self.path)

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def evals(self) -> Path:
        return self.path / "evals.jsonl"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def run(self) -> Path:
        return self.path / "run.json"

    @property
    def checkpoints(self) -> Path | str:
        """A folder, or its address on a bucket."""
        return self.path / "checkpoints"

    @property
    def name(self) -> str:
        """`<study>/<point>`."""
        return f"{self.path.parent.name}/{self.path.name}"

    def lock_token(self) -> str | None:
        """The token that the process training this run wrote into the lock file; None if there is none."""
        lock = self.path / LOCK
        return lock.read_text(encoding="utf-8") if lock.exists() else None

    def fetch(self, names: Sequence[str] = FILES) -> None:
        """Update files of the record from where the run is kept; nothing to do on this machine."""

    def send(self) -> None:
        """Upload the record to where the run is kept; nothing to do on this machine."""

    def read_run(self) -> dict[str, Any]:
        """`run.json`, or {} before the run has begun. Raises RecordError if it is damaged."""
        if not self.run.exists():
            return {}
        try:
            return dict(json.loads(self.run.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            raise RecordError(f"{self.run} is damaged; delete it and train again to rebuild it") from None

    def status(self) -> Status | None:
        """The status of the run, None before it has begun."""
        status = self.read_run().get("status")
        return status if status in get_args(Status) else None

    def write_run(self, **fields: Any) -> None:
        """Set `fields` in run.json, keeping the others."""
        write_json(self.run, self.read_run() | fields)

    def rows(self, log: Path) -> list[dict[str, Any]]:
        """The rows of a log. Raises RecordError if it is damaged or has changed since the end of the run."""
        if log in self.changed_logs():
            raise RecordError(
                f"{log} has changed since the run ended: train it again, as before, to restore it"
            )
        return read_jsonl(log)

    def changed_logs(self) -> list[Path]:
        """The logs that have changed since the run ended; none before, or for runs of earlier versions."""
        run = self.read_run()
        ended = run.get("logs", {}) if run.get("status") in TERMINAL else {}
        return [self.path / name for name, mark in ended.items() if mark_of(self.path / name) != Mark(*mark)]

    def restore_logs(self) -> bool:
        """Restore logs that have changed since the end from Parquet; returns whether all are restored."""
        for log in self.changed_logs():
            with suppress(OSError, pl.exceptions.PolarsError):
                rows = pl.read_parquet(log.with_suffix(".parquet")).to_dicts()
                write_bytes(log, b"".join(map(to_json, rows)))
        return not self.changed_logs()

    def add_event(self, event: str, step: int, sentence: str) -> None:
        """Append to events.jsonl; a line torn by a crash is dropped first."""
        drop_rows_after(self.events, sys.maxsize)
        log = JsonlLog(self.events)
        log.append({"time": time.time(), "step": step, "event": event, "sentence": sentence})
        log.close()

    def finish(self, status: Status) -> None:
        """Record the end of the run and what its logs are then, and write both as Parquet too."""
        logs = (self.metrics, self.evals)
        marks = {log.name: mark_of(log) for log in logs} if status in TERMINAL else {}
        self.write_run(status=status, ended=time.time(), logs=marks)
        for log in logs:
            rows = read_jsonl(log)
            if rows:
                pl.from_dicts(rows, infer_schema_length=None).write_parquet(log.with_suffix(".parquet"))


class ReadOnlyRunDirectory(RunDirectory):
    """A run directory for a host other than the first: it reads and never writes."""

    def write_run(self, **fields: Any) -> None:
        """Left to the first host."""

    def add_event(self, event: str, step: int, sentence: str) -> None:
        """Left to the first host."""

    def finish(self, status: Status) -> None:
        """Left to the first host."""


def best_step(evals: Iterable[Mapping[str, Any]]) -> int | None:
    """The step of the lowest validation loss, the earliest on a tie; None before any was measured."""
    losses = [(row["loss"], row["step"]) for row in evals if row["split"] == "validation"]
    return min(((loss, step) for loss, step in losses if loss is not None), default=(None, None))[1]
