"""A search for the best values of a point's fields: Optuna proposes, runs of the point answer.

Each trial is a run POINT-HASH beside the point's own, the hash of its values, trained like a point of a
sweep. The journal POINT.tuning.jsonl, lines of JSON that Optuna reads and writes, makes the search resumable:
trials that were not finished go on from their checkpoints, with the values they had. A run that diverges
counts as a loss of infinity.
"""

import dataclasses
import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from quarry.errors import ConfigError
from quarry.train.config.point_files import Point
from quarry.train.data.store import hash_json
from quarry.train.launch.preloaded import Preloaded
from quarry.train.launch.process_commands import point_command
from quarry.train.launch.search_space import Range
from quarry.train.launch.worker import Task, Worker, open_log
from quarry.train.record.files import read_jsonl
from quarry.train.record.run_directory import RunDirectory
from quarry.train.record.schema import TERMINAL
from quarry.train.run.signals import StopRequest

if TYPE_CHECKING:
    import optuna

Say = Callable[[str], object]


@dataclasses.dataclass(frozen=True)
class Trial:
    """A finished trial: its values by field, and its last validation loss in nats per token."""

    name: str
    values: dict[str, float]
    loss: float


class Tuning:
    """The search of one point over `ranges`; `arguments` are options of `quarry train` for every trial."""

    def __init__(self, point: Point, ranges: Sequence[Range], workdir: Path, arguments: list[str], seed: int):
        import optuna
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._point, self._ranges, self._arguments = point, ranges, arguments
        self._workdir, self._lock = workdir, threading.Lock()
        self.journal = workdir / point.study / f"{point.name}.tuning.jsonl"
        self.journal.parent.mkdir(parents=True, exist_ok=True)
        backend = JournalFileBackend(str(self.journal))
        self._study = optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name=", ".join(f"{each.field}={each.low:g}:{each.high:g}" for each in ranges),
            load_if_exists=True,
        )
        begun = len(self._study.get_trials(deepcopy=False))  # a resumed search must not draw the same again
        self._study.sampler = optuna.samplers.TPESampler(seed=seed + begun, constant_liar=True)
        self._stopped = self._study.get_trials(states=(optuna.trial.TrialState.RUNNING,))
        self._tasks: dict[int, Task] = {}

    def finished(self) -> list[Trial]:
        """The finished trials, the best first."""
        trials = [
            Trial(self._name(trial), self._values(trial), trial.value)
            for trial in self._study.get_trials(deepcopy=False)
            if trial.value is not None
        ]
        return sorted(trials, key=lambda trial: trial.loss)

    def run(self, trials: int, slots: Sequence[list[int] | None], say: Say) -> bool:
        """Train until `trials` are finished, one at a time in each slot; returns whether it was told to stop.

        Raises ConfigError if another process tunes the point, or if a trial cannot be trained.
        """
        failures: list[str] = []
        with self._alone(), Preloaded() as starter, StopRequest() as stop:
            threads = [
                threading.Thread(target=self._work, args=(trials, slot, starter, stop, failures, say))
                for slot in slots
            ]
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                if stop:
                    self._send_stop()
                time.sleep(0.2)
        if failures:
            raise ConfigError(failures[0])
        return bool(stop)

    def _alone(self) -> AbstractContextManager[Any]:
        try:
            return FileLock(self.journal.with_suffix(".lock"), timeout=0).acquire()
        except Timeout:
            raise ConfigError(f"another process tunes {self._point.run}: {self.journal} is in use") from None

    def _work(
        self,
        trials: int,
        slot: list[int] | None,
        starter: Preloaded,
        stop: StopRequest,
        failures: list[str],
        say: Say,
    ) -> None:
        with Worker(starter, slot) as worker:
            while not (stop or failures) and (trial := self._next(trials)) is not None:
                code = self._train(trial, worker)
                if (loss := self._loss(trial)) is not None:
                    self._tell(trial, loss, say)
                elif not stop:
                    failures.append(f"{self._name(trial)} ended with code {code}: see {self._log(trial)}")

    def _next(self, trials: int) -> Any:
        """A trial that an earlier process began, else a new one; None once `trials` are begun."""
        with self._lock:
            if self._stopped:
                return self._stopped.pop(0)
            begun = len(self._study.get_trials(deepcopy=False))
            return None if begun >= trials else self._study.ask(self._distributions())

    def _distributions(self) -> "dict[str, optuna.distributions.BaseDistribution]":
        from optuna.distributions import FloatDistribution

        return {each.field: FloatDistribution(*each.bounds, log=True) for each in self._ranges}

    def _train(self, trial: Any, worker: Worker) -> int:
        values = self._values(trial)
        options = [word for each in self._ranges for word in (each.option, f"{values[each.field]:g}")]
        name = ["--name", self._name(trial)]
        with open_log(self._log(trial)) as log:
            task = worker.start(point_command(self._point, [*self._arguments, *name, *options]), log)
            self._tasks[trial.number] = task
            return task.wait()

    def _loss(self, trial: Any) -> float | None:
        """The last validation loss of a trial that has ended, infinity if it diverged; None if it has not."""
        directory = self._directory(trial)
        status = directory.status()
        if status not in TERMINAL:
            return None
        rows = [row["loss"] for row in read_jsonl(directory.evals) if row["split"] == "validation"]
        return rows[-1] if status == "finished" else math.inf

    def _tell(self, trial: Any, loss: float, say: Say) -> None:
        with self._lock:
            self._study.tell(trial.number, loss)
            best = self.finished()[0]
        values = ", ".join(f"{field} {value:g}" for field, value in self._values(trial).items())
        say(f"{self._name(trial)}: loss {loss:.4f} ({values}); best {best.loss:.4f}, {best.name}")

    def _send_stop(self) -> None:
        for task in list(self._tasks.values()):
            task.send_signal(signal.SIGTERM)

    def _values(self, trial: Any) -> dict[str, float]:
        return {each.field: each.value(trial.params[each.field]) for each in self._ranges}

    def _name(self, trial: Any) -> str:
        return f"{self._point.name}-{hash_json(self._values(trial))[:8]}"

    def _log(self, trial: Any) -> Path:
        return self._directory(trial).path / "log.txt"

    def _directory(self, trial: Any) -> RunDirectory:
        return RunDirectory(self._workdir / self._point.study / self._name(trial))
