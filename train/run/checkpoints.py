"""Orbax checkpoints of the training state, kept in `checkpoints/` of a run directory.

A checkpoint is written in the background and appears whole or not at all. It carries a seal, a fingerprint
of every array, which is checked when it is read back. A checkpoint that cannot be read or does not match its
seal is set aside as `damaged-<step>`, and the one before it is used.
"""

import os
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import jax
import orbax.checkpoint as ocp
from etils import epath
from orbax.checkpoint import checkpoint_managers as managers

from quarry.errors import DamagedCheckpoint, RunError
from quarry.train.hosts.agreement import broadcast_from_first, gather_from_all, is_first_host, process_count
from quarry.train.record.bucket import Folder
from quarry.train.record.disk_space import is_about_space
from quarry.train.record.files import is_at
from quarry.train.run.checkpoint_reading import read_item
from quarry.train.run.fingerprint import fingerprint, names
from quarry.train.run.seal import make_seal, open_seal
from quarry.train.run.train_state import TrainState

if TYPE_CHECKING:
    from quarry.train.config.experiment import CheckpointConfig, Experiment

T = TypeVar("T")
PATIENCE_SECONDS = 5.0
LOOK_SECONDS = 0.5
"""How often a run looks whether a save has failed or the folder has vanished: a look costs 0.1 ms."""
Report = Callable[[str, int, str], None]
"""Called with the kind of event, its step and a sentence for the user."""
Fault = Callable[[int, dict[str, Any]], str | None]
"""Says why the checkpoint of a step, with the facts in its seal, is not to be used; None if it is."""


class Checkpoints:
    """The checkpoints of one run. On several hosts all call the same methods in the same order.

    It keeps the newest `config.keep`, those of the `permanent` steps, and that of step `best` if it is set.
    `facts` are those in the seal of the state last restored.
    """

    def __init__(
        self, directory: Any, config: "CheckpointConfig", permanent: Collection[int], report: Report
    ):
        self._config, self._permanent, self._report = config, permanent, report
        self._saved_at = self._look_at = time.monotonic()
        self._bucket = Folder(str(directory)) if str(directory).startswith("gs://") else None
        self._directory = epath.Path(directory) if self._bucket else epath.Path(directory).resolve()
        self.best: int | None = None
        self.facts: dict[str, Any] = {}
        self._step, self._failed = 0, False
        self._lost: set[int] = set()
        self._folder: int | None = None
        self._open()

    def _open(self) -> None:
        options = ocp.CheckpointManagerOptions(
            preservation_policy=managers.AnyPreservationPolicy([managers.LatestN(self._config.keep), self]),
            cleanup_tmp_directories=True,
            lightweight_initialize=True,  # else one damaged file would keep all of them from being listed
        )
        self._manager = ocp.CheckpointManager(self._directory, options=options, item_handlers=writers())
        self._hold_folder()

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        """Orbax asks this: which checkpoints to keep beside the newest."""
        return [info.step in self._permanent or info.step == self.best for info in checkpoints]

    def newest(self, abstract: TrainState, fault: Fault) -> tuple[TrainState, int] | None:
        """The newest good state, with shapes and shardings of `abstract`, and its step; None if none is good.

        A checkpoint is good if it holds the state of its step, matches its seal and has no `fault`. The
        others are set aside. Raises ConfigError if one holds the state of another model.
        """
        if self._lost:
            self._manager.reload()
        for step in broadcast_from_first(lambda: sorted(self._manager.all_steps(), reverse=True)):
            state = self._good(step, abstract, fault)
            if state is not None:
                return state, step
        return None

    def at(self, step: int, abstract: TrainState, fault: Fault) -> TrainState | None:
        """The state after `step` steps, laid out and checked as in `newest`; None if none is good."""
        exists = broadcast_from_first(lambda: step in self._manager.all_steps())
        return self._good(step, abstract, fault) if exists else None

    def _good(self, step: int, abstract: TrainState, fault: Fault) -> TrainState | None:
        try:
            return self._restore(step, abstract, fault)
        except DamagedCheckpoint as damage:
            self._set_aside(step, str(damage))
            return None

    def _restore(self, step: int, abstract: TrainState, fault: Fault) -> TrainState:
        folder, args = self._directory / str(step), ocp.args.StandardRestore(abstract)
        words, facts = on_all_hosts(
            lambda: open_seal(read_item(folder, "seal", ocp.args.JsonRestore()), abstract)
        )
        if reason := broadcast_from_first(lambda: fault(step, facts)):
            raise DamagedCheckpoint(reason)
        state = on_all_hosts(lambda: TrainState(*read_item(folder, "state", args)))
        changed = [
            name
            for name, old, new in zip(names(abstract), words, fingerprint(state), strict=True)
            if old != new
        ]
        if changed:
            raise DamagedCheckpoint(f"{changed[0]} is not what was saved")
        if (held := int(jax.device_get(state.step))) != step:
            raise DamagedCheckpoint(f"it holds the state of step {held}")
        self.facts = facts
        return state

    def _set_aside(self, step: int, reason: str) -> None:
        """Rename a checkpoint to `damaged-<step>` and report it."""
        aside = self._directory / f"damaged-{step}"

        def move() -> None:
            if aside.exists():
                aside.rmtree()
            (self._directory / str(step)).rename(aside)

        if self._bucket is None:
            broadcast_from_first(move)
            self._manager.reload()
        else:  # a bucket has no folders to rename
            broadcast_from_first(partial(self._bucket.copy, str(step), aside.name))
            self._manager.delete(step)
        self._report("damaged", step, f"the checkpoint of step {step} is set aside in {aside}: {reason}")

    def drop_after(self, step: int) -> None:
        """Delete the checkpoints of later steps: the run continues differently from here."""
        self._manager.wait_until_finished()
        for later in [saved for saved in self._manager.all_steps() if saved > step]:
            self._manager.delete(later)

    def due(self) -> bool:
        """Whether `every_seconds` have passed since the last save. Raises what that one met."""
        now = time.monotonic()
        if now >= self._look_at:
            self._work(self._manager.check_for_errors)
            self._look_at = now + LOOK_SECONDS
        return now - self._saved_at >= self._config.every_seconds

    def save(self, state: TrainState, facts: Mapping[str, Any] | None = None) -> None:
        """Begin to save, with `facts` of the run; the state may be donated as soon as this returns."""
        if self._bucket:
            self._work(self._manager.wait_until_finished)
            self._report_lost(self._bucket)
        self._step = step = int(jax.device_get(state.step))
        seal = make_seal(state, facts)
        items = {"state": ocp.args.PyTreeSave(state), "seal": ocp.args.JsonSave(seal)}
        arguments = ocp.args.Composite(**items)
        save = lambda: self._manager.save(step, args=arguments)  # noqa: E731
        if not self._work(save):
            save()
        self._saved_at = time.monotonic()

    def _work(self, work: Callable[[], object]) -> bool:
        """Let the manager work. Returns False if a save failed or the folder vanished: it is open again then.

        Raises the error if it is about space, and RunError if two saves fail one after the other, on several
        hosts at once: they cannot know how far the others got.
        """
        reason = None
        try:
            work()
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0][:200]
            if is_about_space(error):
                raise
            if self._failed or process_count() > 1:
                raise RunError(f"cannot save into {self._directory}: {reason}") from error
        self._failed = reason is not None or (self._failed and self._manager.latest_step() != self._step)
        if reason is None and not self._has_vanished():
            return True
        alone = process_count() == 1
        if alone:
            self._open_again()
        else:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._hold_folder()
        lost = (
            f"the checkpoint of step {self._step} was not saved ({reason})" if reason else "it had vanished"
        )
        self._report("restored", self._step, f"{self._directory} is made again for new checkpoints: {lost}")
        return not alone

    def _open_again(self) -> None:
        """Open the folder again; what a failed save still writes there may first be in the way."""
        with suppress(Exception):  # of saves that failed
            self._manager.close()
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._open()
            except OSError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)

    def _has_vanished(self) -> bool:
        """Whether another folder, or none, is where this process opened that of the checkpoints."""
        return self._folder is not None and not is_at(self._directory, self._folder)

    def _hold_folder(self) -> None:
        """Keep the folder open on the first host: one made in its place then has another inode."""
        self._let_go()
        if is_first_host() and not self._bucket:
            with suppress(OSError):
                self._folder = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)

    def _let_go(self) -> None:
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _report_lost(self, bucket: Folder) -> None:
        """Report finished checkpoints that have vanished from the bucket, each once."""
        known = set(self._manager.all_steps()) - self._lost
        _, names = bucket.listing() if is_first_host() else ({}, set(map(str, known)))
        lost = sorted(step for step in known if str(step) not in names)
        if lost:
            self._lost |= set(lost)
            steps = ", ".join(map(str, lost))
            self._report("restored", self._step, f"checkpoints vanished from {self._directory}: {steps}")

    def close(self) -> None:
        """Wait for what is being saved."""
        try:
            self._work(self._manager.wait_until_finished)
            if self._bucket:
                self._report_lost(self._bucket)
        finally:
            self._let_go()
            self._manager.close()


def writers() -> dict[str, ocp.CheckpointHandler]:
    """The handler of each item. Compression would make a state a tenth smaller and take five times the
    processor time, which on a CPU the training then lacks (experiments/results/LOG.md)."""
    return {"state": ocp.PyTreeCheckpointHandler(use_compression=False), "seal": ocp.JsonCheckpointHandler()}


def on_all_hosts(work: Callable[[], T]) -> T:
    """The result of `work` on this host. Raises DamagedCheckpoint on every host if it is raised on any."""
    result, damage = None, None
    try:
        result = work()
    except DamagedCheckpoint as error:
        damage = str(error)
    for reason in gather_from_all(damage):
        if reason is not None:
            raise DamagedCheckpoint(reason)
    return cast(T, result)


def permanent_steps(experiment: "Experiment", steps: int) -> frozenset[int]:
    """The first steps at which `checkpoint.at_tokens` are processed, without those beyond the end."""
    reached, wanted = range(steps + 1), experiment.checkpoint.at_tokens
    at = (bisect_left(reached, tokens, key=experiment.ramp.tokens) for tokens in wanted)
    return frozenset(step for step in at if step <= steps)
