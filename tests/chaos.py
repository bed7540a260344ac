"""One run through many faults, compared bit for bit with the same run undisturbed.

    python -m tests.chaos FOLDER --faults 100 --seed 1

Fault i strikes at a random step of the i-th part of the run, once a checkpoint is there. FOLDER keeps what
has been done, so that the command can be stopped and given again. The disk that fills up is a small tmpfs,
which only root may mount; without it that fault is left out, and the table says so.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from quarry.train.record.files import read_jsonl, read_last_row
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import WALL_CLOCK_COLUMNS
from tests.commands import Running, quarry, start
from tests.train.tiny import write_tiny

STEPS_PER_FAULT = 200
DISK_BYTES = 16 * 2**20
TIMEOUT_SECONDS = 600


class Chaos:
    """A run in `folder`, its undisturbed twin, and the faults between them."""

    def __init__(self, folder: Path, faults: int, seed: int, steps_per_fault: int = STEPS_PER_FAULT):
        self.folder, self.faults, self.seed = folder.resolve(), faults, seed
        self.steps_per_fault, self.steps = steps_per_fault, steps_per_fault * (faults + 2)
        self.disk, self.cache, self.done = (self.folder / name for name in ("disk", "cache", "faults.jsonl"))
        self.run = RunDirectory(self.disk / "runs/study/tiny")
        for path in (self.disk, self.cache):
            path.mkdir(parents=True, exist_ok=True)
        write_tiny(self.folder / "study", steps=self.steps, every=0.1)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(self.disk)]
        self.mounted = self.disk.is_mount() or not subprocess.run(mount, capture_output=True).returncode

    def kinds(self) -> dict[str, Callable[[random.Random, Running], None]]:
        kinds = {
            "kill -9": self._kill,
            "SIGTERM": lambda rng, process: self._stop(process, signal.SIGTERM),
            "SIGUSR2": lambda rng, process: self._stop(process, signal.SIGUSR2),
            "bytes flipped in the newest checkpoint": self._flip,
            "a file of the newest checkpoint truncated": self._truncate,
            "a file of the newest checkpoint gone": self._remove,
            "the end of the log cut off": self._cut_log,
        }
        return kinds | ({"full disk": self._fill} if self.mounted else {})

    def strike(self, number: int) -> dict:
        """Start or resume the run, and let fault `number` strike. Faults of all kinds take turns."""
        rng, kinds = random.Random(f"{self.seed}/{number}"), self.kinds()
        order = random.Random(f"{self.seed}/{number // len(kinds)}").sample(list(kinds), len(kinds))
        kind = order[number % len(kinds)]
        target = (number + rng.random()) * self.steps_per_fault
        process = start(self.cache, "train", "study/tiny.py", "--workdir", "disk/runs", cwd=self.folder)
        try:
            step = self._wait_for(process, target)
            kinds[kind](rng, process)
        finally:
            process.kill()
            process.communicate()
        return {"fault": number, "kind": kind, "step": step}

    def _wait_for(self, process: Running, target: float) -> int:
        """Wait until the log has passed a step that this process has written."""
        before, until = self._inode(), time.monotonic() + TIMEOUT_SECONDS
        while time.monotonic() < until:
            assert process.poll() is None, process.communicate()
            row = read_last_row(self.run.metrics) if self._inode() != before else None
            if row and row["step"] >= target and self._checkpoints():
                return row["step"]
            time.sleep(0.003)
        raise AssertionError(f"no progress past step {target:.0f} in {TIMEOUT_SECONDS} s")

    def _checkpoints(self) -> list[int]:
        """The steps of the whole checkpoints."""
        return [int(path.name) for path in self.run.checkpoints.glob("*") if path.name.isdigit()]

    def _inode(self) -> int | None:
        """Of the log: a process that resumes replaces it before it writes."""
        return self.run.metrics.stat().st_ino if self.run.metrics.exists() else None

    def _kill(self, rng: random.Random, process: Running) -> None:
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.wait()

    def _stop(self, process: Running, number: int) -> None:
        process.send_signal(number)
        code = process.wait(TIMEOUT_SECONDS)
        assert code == 75, (code, process.communicate())

    def _fill(self, rng: random.Random, process: Running) -> None:
        ballast = self.disk / "ballast"
        process.send_signal(signal.SIGSTOP)  # what it frees in its last moments is not for the ballast
        try:
            with ballast.open("wb", buffering=0) as file:
                while file.write(b"\0" * 4096):
                    pass
        except OSError:
            process.send_signal(signal.SIGCONT)
            code, (_, words) = process.wait(TIMEOUT_SECONDS), process.communicate()
            assert code == 1, (code, words)
            assert "no space left for disk/runs/study/tiny" in words, words
            assert self.run.status() == "failed"
        finally:
            ballast.unlink()

    def _newest_files(self, rng: random.Random, process: Running) -> list[Path]:
        self._kill(rng, process)
        newest = self.run.checkpoints / str(max(self._checkpoints()))
        return sorted(file for file in newest.rglob("*") if file.is_file())

    def _flip(self, rng: random.Random, process: Running) -> None:
        for file in rng.sample(self._newest_files(rng, process), 3):
            content = bytearray(file.read_bytes())
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            file.write_bytes(content)

    def _truncate(self, rng: random.Random, process: Running) -> None:
        file = rng.choice(self._newest_files(rng, process))
        os.truncate(file, rng.randrange(file.stat().st_size))

    def _remove(self, rng: random.Random, process: Running) -> None:
        rng.choice(self._newest_files(rng, process)).unlink()

    def _cut_log(self, rng: random.Random, process: Running) -> None:
        self._kill(rng, process)
        size = self.run.metrics.stat().st_size
        os.truncate(self.run.metrics, size - rng.randrange(1, min(size, 4000)))

    def all(self) -> str:
        """Let every fault that has not struck yet strike, finish the run, compare; returns the table."""
        for number in range(len(read_jsonl(self.done)), self.faults):
            row = self.strike(number)
            with self.done.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)
        seldom = ("--checkpoint.every-seconds", 60)  # no fault strikes any more
        for workdir in ("disk/runs", "whole"):
            words = ("train", "study/tiny.py", "--workdir", workdir, *seldom)
            ended = quarry(self.cache, *words, cwd=self.folder)
            assert ended.returncode == 0, ended.stderr
        same = curves(self.run) == curves(RunDirectory(self.folder / "whole/study/tiny"))
        return self.table(same)

    def table(self, same: bool) -> str:
        struck = Counter(row["kind"] for row in read_jsonl(self.done))
        aside = Counter(row["event"] for row in read_jsonl(self.run.events))["damaged"]
        lines = [
            "| fault | times |",
            "|---|---|",
            *(f"| {kind} | {struck[kind]} |" for kind in sorted(struck)),
        ]
        verdict = "equal bit for bit to" if same else "NOT EQUAL to"
        lines += [
            "",
            f"{sum(struck.values())} faults over {self.steps:,} steps; {aside} checkpoints were set aside as "
            f"damaged; the curve is {verdict} the undisturbed run's.",
        ]
        return "\n".join(lines + ([] if self.mounted else ["No full disk: only root may mount one."]))

    def close(self) -> None:
        """Take the small disk away; what the run left on it is kept beside it."""
        if self.disk.is_mount():
            shutil.copytree(self.disk, self.folder / "left", dirs_exist_ok=True)
            subprocess.run(["umount", "-l", str(self.disk)], check=True)


def curves(run: RunDirectory) -> list[list[dict]]:
    """Both logs without their wall-clock columns."""
    logs = [read_jsonl(run.metrics), read_jsonl(run.evals)]
    return [[{k: v for k, v in row.items() if k not in WALL_CLOCK_COLUMNS} for row in rows] for rows in logs]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chaos = Chaos(**vars(parser.parse_args()))
    table = chaos.all()
    chaos.close()
    print(table)
    if "NOT EQUAL" in table:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
