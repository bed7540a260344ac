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
import os
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import polars as pl

from quarry.errors import RecordError
from quarry.train.record.files import (
    Schema,
    atomic_write,
    json_values,
    read_json,
    read_jsonl,
    read_log,
    to_json,
    write_bytes,
)
from quarry.train.record.logs import JsonlLog, KeptFiles, Mark, mark_of
from quarry.train.record.run_lock import RunLock, is_locked
from quarry.train.record.schema import FILES, LOCK, TERMINAL, Status

CHECKSUM = "checksum"
RUN: Mapping[str, Schema] = {
    "status": str | None,
    "started": float | None,
    "ended": float | None,
    "data": dict | None,
    "logs": dict | None,
    "skips": list | None,
    "forked_at": int | None,
    "test_text": dict | None,
}
"""The fields of run.json that are read again."""
REMEDY = "the command that trained the run restores it, or trains it again"


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run. `path` is `runs/<study>/<point>`."""

    path: Path
    kept: KeptFiles = field(default_factory=KeptFiles, kw_only=True, compare=False, repr=False)
    """What this process writes there."""
    lock: RunLock | None = field(default=None, kw_only=True, compare=False, repr=False)
    """Held by the process that trains the run."""

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

    def is_in_use(self) -> bool:
        """Whether a process trains this run."""
        return is_locked(self.path)

    def fetch(self, names: Sequence[str] = FILES) -> None:
        """Update files of the record from where the run is kept; nothing to do on this machine."""

    def send(self) -> None:
        """Upload the record to where the run is kept; nothing to do on this machine."""

    def read_run(self) -> dict[str, Any]:
        """`run.json`, or {} before the run has begun. Raises RecordError if it is damaged."""
        if not os.path.lexists(self.run):
            return {}
        try:
            run = read_json(self.run, RUN)
            if not run or run.get(CHECKSUM, checksum(run)) != checksum(run):
                raise RecordError(f"{self.run} is damaged: it does not have its checksum")
        except RecordError as error:
            raise RecordError(f"{error}; {REMEDY}") from None
        return _without_checksum(run)

    def status(self) -> Status | None:
        """The status of the run, None before it has begun and if run.json is damaged."""
        try:
            status = self.read_run().get("status")
        except RecordError:
            return None
        return status if status in get_args(Status) else None

    def ended(self) -> float:
        """When a process that trained the run last ended, in seconds since 1970; 0 if none has."""
        return 0.0 if self.status() is None else self.read_run().get("ended") or 0.0

    def known_run(self) -> dict[str, Any]:
        """run.json as this process has last written it, else as it is on the disk."""
        content = self.kept.content(self.run)
        run = self.read_run() if content is None else json.loads(content)
        return _without_checksum(run)

    def write_run(self, **fields: Any) -> None:
        """Set `fields` in run.json, keeping the others."""
        run = json_values(self.known_run() | fields)
        self._write(self.run, to_json(run | {CHECKSUM: checksum(run)}, indent=True))

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.json."""
        self._write(self.config, to_json(config, indent=True))

    def _write(self, path: Path, content: bytes) -> None:
        self.keep_lock()
        self.kept.write(path, content)

    def keep_lock(self) -> None:
        """Take the lock again if it was deleted. Raises LeaseLost if another process trains there by now."""
        if self.lock is not None:
            self.lock.keep()

    def open_log(self, path: Path) -> JsonlLog:
        """One of the two logs, for rows to be appended; it is kept until the end."""
        return self.kept.open_log(path)

    def restore(self, *, thoroughly: bool = False) -> list[str]:
        """Write what has vanished or changed of the record since this process wrote it again; its names."""
        self.keep_lock()
        return self.kept.restore(thoroughly=thoroughly)

    def rows(self, log: Path) -> list[dict[str, Any]]:
        """The rows of a log. Raises RecordError if it is damaged or has changed since the end of the run."""
        found, ended = read_log(log), self._logs_at_the_end()
        changed = log in ended and mark_of(log) != ended[log]
        fault = f"{log} has changed since the run ended" if changed else found.fault
        if fault:
            raise RecordError(f"{fault}; {REMEDY}")
        return found.rows

    def changed_logs(self) -> list[Path]:
        """The logs that have changed since the run ended; none before, or for runs of earlier versions."""
        return [log for log, mark in self._logs_at_the_end().items() if mark_of(log) != mark]

    def _logs_at_the_end(self) -> dict[Path, Mark]:
        """What the logs of a run were when it ended; of one that has not, or of earlier versions, nothing."""
        run = self.read_run()
        ended = run.get("logs", {}) if run.get("status") in TERMINAL else {}
        return {self.path / name: Mark(*mark) for name, mark in ended.items()}

    def restore_logs(self) -> bool:
        """Restore logs that have changed since the end from Parquet; returns whether all are restored."""
        for log in self.changed_logs():
            with suppress(OSError, pl.exceptions.PolarsError):
                rows = pl.read_parquet(log.with_suffix(".parquet")).to_dicts()
                write_bytes(log, b"".join(map(to_json, rows)))
        return not self.changed_logs()

    def add_event(self, event: str, step: int, sentence: str) -> None:
        """Append to events.jsonl; a line torn by a crash is dropped first."""
        former = self.kept.content(self.events) or b"".join(read_log(self.events).lines)
        row = {"time": time.time(), "step": step, "event": event, "sentence": sentence}
        self._write(self.events, former + to_json(row))

    def finish(self, status: Status) -> None:
        """Record the end of the run and what its logs are then, and write both as Parquet too."""
        self.restore(thoroughly=True)
        logs = (self.metrics, self.evals)
        marks = {log.name: mark_of(log) for log in logs} if status in TERMINAL else {}
        self.write_run(status=status, ended=time.time(), logs=marks)
        for log in logs:
            rows = read_jsonl(log)
            if rows:
                with atomic_write(log.with_suffix(".parquet")) as partial:
                    pl.from_dicts(rows, infer_schema_length=None).write_parquet(partial)


def checksum(run: Mapping[str, Any]) -> int:
    """CRC-32 of the fields of run.json but this one."""
    return zlib.crc32(json.dumps(_without_checksum(run), sort_keys=True).encode())


def _without_checksum(run: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in run.items() if name != CHECKSUM}


class ReadOnlyRunDirectory(RunDirectory):
    """A run directory for a host other than the first: it reads and never writes."""

    def restore(self, *, thoroughly: bool = False) -> list[str]:
        """Left to the first host."""
        return []

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
