"""Every file of a run directory, damaged in every way, and what the same command does then.

    python -m tests.damaged_runs

prints a table of files and ways, for a run stopped half-way and for a finished run. `docs/faults.md` has it.
"""

import contextlib
import dataclasses
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from quarry.train.config.experiment import CheckpointConfig
from quarry.train.config.point_files import Point
from quarry.train.hosts.workarounds import apply_workarounds
from quarry.train.record.files import read_jsonl
from quarry.train.record.progress import Quiet
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import WALL_CLOCK_COLUMNS
from quarry.train.run.loop import train
from tests.train.damages import DAMAGES, FOLDER_DAMAGES, allow_writing, failure, forbid_writing, huge_number
from tests.train.tiny import tiny_point

WAYS = DAMAGES | {"a huge number": huge_number, "unwritable": forbid_writing}
FILES = ("config.json", "run.json", "events.jsonl", "metrics.jsonl", "evals.jsonl", ".lock", ".reserve")
FOLDERS = ("checkpoints",)


class Listener(Quiet):
    """Keeps what the user is told; asks the run to stop after `stop_at`."""

    def __init__(self, stop_at: int | None = None):
        self.said: list[str] = []
        self._stop_at = stop_at

    def update(self, step, loss, tokens_per_second):
        if step == self._stop_at:
            os.kill(os.getpid(), signal.SIGTERM)

    def say(self, sentence):
        self.said.append(sentence)


def make_point(folder: Path) -> Point:
    """A tiny point that saves at step 8 and at the end."""
    point = tiny_point(folder / "study")
    policy = CheckpointConfig(every_seconds=60.0, at_tokens=(8 * point.config.batch_tokens,))
    return dataclasses.replace(point, config=dataclasses.replace(point.config, checkpoint=policy))


def make_runs(folder: Path, cache: Path) -> tuple[Point, dict[str, Path]]:
    """The point, and its run half-way and finished; each has an event and what a killed process leaves."""
    point, runs = make_point(folder), {}
    for state, stop_at in (("half-way", 16), ("finished", None)):
        train(point, folder / state, cache, Listener(stop_at))
        runs[state] = folder / state / point.run
        RunDirectory(runs[state]).add_event("note", 1, "for the sweep")
        (runs[state] / ".reserve").write_bytes(bytes(100))
    return point, runs


def rows(run: Path) -> list[list[dict]]:
    """Both logs without their wall-clock columns."""
    logs = [read_jsonl(run / name) for name in ("metrics.jsonl", "evals.jsonl")]
    return [[{k: v for k, v in row.items() if k not in WALL_CLOCK_COLUMNS} for row in log] for log in logs]


def outcome(run: Path, name: str, command: Callable[[Listener], object], right: Callable[[], bool]) -> str:
    """What a command does with a damaged run: in words of the table."""
    listener = Listener()
    if failed := failure(name, lambda: command(listener)):
        return failed
    if not right():
        return "WRONG ROWS"
    named = any(name in sentence for sentence in listener.said)
    return "repaired" if named else "unharmed"


def strike(source: Path, folder: Path, name: str, way: str, command: Callable, right: Callable) -> str:
    """The outcome of a command on a copy of a run with one file damaged."""
    run = folder / "study" / "tiny"
    shutil.copytree(source, run)
    damage = (FOLDER_DAMAGES if name in FOLDERS else WAYS)[way]
    try:
        if damage(run / name) is False:
            return "-"
        return outcome(run, name, lambda listener: command(folder, listener), lambda: right(run))
    finally:
        if damage is forbid_writing:
            allow_writing(run / name)
        shutil.rmtree(folder)


def main() -> None:
    apply_workarounds()
    root = Path(tempfile.mkdtemp(prefix="quarry-damage-"))
    cache = root / "cache"
    point, runs = make_runs(root, cache)
    whole = rows(runs["finished"])
    for state, source in runs.items():
        for name in (*FILES, *FOLDERS):
            found: dict[str, list[str]] = {}
            for way in FOLDER_DAMAGES if name in FOLDERS else WAYS:
                command = lambda workdir, listener: train(point, workdir, cache, listener)  # noqa: E731
                with contextlib.redirect_stderr(sys.stdout):
                    word = strike(source, root / "strike", name, way, command, lambda run: rows(run) == whole)
                found.setdefault(word, []).append(way)
            cells = "; ".join(f"{word}: {', '.join(ways)}" for word, ways in found.items())
            print(f"| {state} | `{name}` | {cells} |", flush=True)
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
