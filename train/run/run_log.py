"""Logs metrics and evaluations of a running process to the record, the trackers and the display."""

import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarry.train.hosts.agreement import broadcast_from_first
from quarry.train.record.files import read_jsonl, read_log
from quarry.train.record.gradient_noise import NoiseScale
from quarry.train.record.logs import JsonlLog, Mark
from quarry.train.record.progress import Watcher
from quarry.train.record.run_directory import ReadOnlyRunDirectory, RunDirectory
from quarry.train.record.trackers import open_trackers
from quarry.train.run.loss_watch import LossWatch, Trouble

if TYPE_CHECKING:
    from quarry.train.config.experiment import Experiment
    from quarry.train.run.train_state import StepMetrics

NOWHERE = Path(os.devnull)


class RunLog:
    """The two logs of a run, its trackers and its watcher.

    A step's metrics are read when the next are logged, so that the host never waits for the step it has just
    dispatched. A host that does not write logs to nowhere, so as to see a divergence when the others do. The
    noise scale of a branch goes on from the rows of its `trunk`.
    """

    def __init__(
        self,
        directory: RunDirectory,
        experiment: "Experiment",
        watcher: Watcher,
        trunk: RunDirectory | None = None,
    ):
        writes = not isinstance(directory, ReadOnlyRunDirectory)
        metrics, evals = (directory.metrics, directory.evals) if writes else (NOWHERE, NOWHERE)
        former = read_jsonl(metrics) if writes else []
        self._ramp, self._watcher = experiment.ramp, watcher
        self._directory = directory
        open_log = directory.open_log if writes else JsonlLog
        self._metrics, self._evals = open_log(metrics), open_log(evals)
        self._durable, self._send = (self._metrics, self._evals) if writes else (), directory.send
        self._trackers = open_trackers(
            experiment.tracking if writes else (), directory, former[-1]["step"] if former else 0
        )
        self._pending: tuple[int, float, StepMetrics] | None = None
        self._began = self._read_at = time.monotonic()
        self._spent = former[-1]["wall_seconds"] if former else 0.0
        self._read_step = former[-1]["step"] if former else 0
        self._noise = NoiseScale([*_before_fork(directory, trunk), *former] if writes else ())
        self._train_loss: float | None = former[-1]["loss"] if former else None
        losses = broadcast_from_first(lambda: [(row["step"], row["loss"]) for row in former])
        self._watch = LossWatch(experiment.rollback, losses)
        self.trouble: Trouble | None = None
        self.diverged = False

    def step(self, done: int, rate: float, metrics: "StepMetrics") -> None:
        """Queue the metrics of step `done` and write those queued before; nothing after a divergence."""
        self.flush()
        if not self.diverged:
            self._pending = (done, rate, metrics)

    def flush(self) -> None:
        """Write the queued metrics, waiting for the device."""
        if self._pending is None:
            return
        (done, rate, metrics), self._pending = self._pending, None
        loss, grad_norm = float(metrics.loss), float(metrics.grad_norm)
        now = time.monotonic()
        tokens = self._ramp.tokens(done)
        speed = (tokens - self._ramp.tokens(self._read_step)) / max(1e-9, now - self._read_at)
        self._read_at, self._read_step, self._train_loss = now, done, finite(loss)
        row = {
            "step": done,
            "tokens": tokens,
            "loss": finite(loss),
            "grad_norm": finite(grad_norm),
            "g_squared": finite(float(metrics.g_squared)),
            "trace_sigma": finite(float(metrics.trace_sigma)),
            "learning_rate": rate,
            "tokens_per_second": speed,
            "wall_seconds": self._wall_seconds(),
        }
        self._noise.add(row)
        row["noise_scale"] = self._noise.tokens
        self._metrics.append(row)
        self._mirror(done, row)
        self._watcher.update(done, loss, speed)
        self.diverged = not math.isfinite(loss)
        self.trouble = self.trouble or self._watch.judge(done, loss, grad_norm)

    def sync(self) -> None:
        """Write all rows durably, so that the logs survive the machine as the checkpoint does."""
        self.flush()
        self._restore()
        for log in self._durable:
            log.sync()
        self._send()

    def marks(self) -> dict[str, Mark]:
        """How far each log has got, by the name of its file; after `sync` it is on the disk."""
        return {log.path.name: log.mark for log in self._durable}

    def start_clock(self, done: int) -> None:
        """Measure tokens per second from step `done` on: what came before was not training."""
        self._read_at, self._read_step = time.monotonic(), done

    def evaluation(self, row: dict[str, Any]) -> None:
        """Write an evaluation, after the metrics of the steps before it."""
        self.flush()
        values = {name: finite(value) if isinstance(value, float) else value for name, value in row.items()}
        logged = {"train_loss": self._train_loss, "noise_scale": self._noise.tokens}
        self._evals.append(logged | values | {"wall_seconds": self._wall_seconds()})
        self._mirror(row["step"], {f"{row['split']}/{name}": row[name] for name in ("loss", "bits_per_byte")})
        if not math.isfinite(row["loss"]) and not self.diverged:
            self.diverged = True
            self.trouble = self._watch.judge(row["step"], row["loss"], 0.0)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Exclude the time inside from tokens_per_second: it is not training."""
        self.flush()
        began = time.monotonic()
        yield
        self._read_at += time.monotonic() - began

    def close(self) -> None:
        """Write the queued metrics and close the files."""
        self.flush()
        for log in (self._metrics, self._evals, *self._trackers):
            log.close()
        self._restore(thoroughly=True)

    def _restore(self, *, thoroughly: bool = False) -> None:
        """Write what has vanished of the record again, and say so."""
        if names := self._directory.restore(thoroughly=thoroughly):
            sentence = f"{', '.join(names)} of {self._directory} vanished or changed meanwhile: written again"
            self._directory.add_event("restored", self._read_step, sentence)
            self._watcher.say(sentence)

    def _wall_seconds(self) -> float:
        return self._spent + time.monotonic() - self._began

    def _mirror(self, step: int, scalars: Mapping[str, Any]) -> None:
        numbers = {name: value for name, value in scalars.items() if isinstance(value, float)}
        for tracker in self._trackers:
            tracker.write_scalars(step, numbers)


def _before_fork(directory: RunDirectory, trunk: RunDirectory | None) -> list[dict[str, Any]]:
    """The logged steps of its trunk before a branch left it."""
    fork = directory.known_run().get("forked_at", 0)
    return [row for row in read_log(trunk.metrics).rows if row["step"] <= fork] if trunk and fork else []


def finite(value: float) -> float | None:
    """`value`, or None if it is not finite: JSON has no such numbers."""
    return value if math.isfinite(value) else None
