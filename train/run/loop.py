"""The training loop: from a scale point to a finished run record.

`train` runs a point to its end. `train_stepwise` is the same as a coroutine that yields a request for each
step, so that several runs can share one program (see `stacking.py`).
"""

import contextlib
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from jax.sharding import Mesh

from quarry.errors import INTERRUPTED, PREEMPTED
from quarry.model.sharding import make_mesh
from quarry.train.config.branches import fork_steps
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import Point
from quarry.train.config.schedules import schedule
from quarry.train.data.store import TokenStore
from quarry.train.hosts.agreement import broadcast_from_first
from quarry.train.hosts.shutdown import end_all_hosts, on_abrupt_end
from quarry.train.hosts.votes import Votes
from quarry.train.record.disk_space import enough_space, reserve, usable
from quarry.train.record.files import read_jsonl
from quarry.train.record.locations import locate_run
from quarry.train.record.logs import EMPTY, mark_of
from quarry.train.record.progress import Watcher
from quarry.train.record.run_directory import RunDirectory, best_step
from quarry.train.record.schema import TERMINAL, Status
from quarry.train.record.trackers import require_trackers
from quarry.train.run.checkpoints import Checkpoints, permanent_steps
from quarry.train.run.compatibility import check_same_data, check_same_on_all_hosts, check_same_reference
from quarry.train.run.context import RunContext
from quarry.train.run.description import describe_run, experiment_as_json
from quarry.train.run.evaluation_schedule import EvaluationSchedule
from quarry.train.run.known_answers import answers_of_run
from quarry.train.run.locking import open_run
from quarry.train.run.loss_watch import Trouble
from quarry.train.run.memory import check_memory
from quarry.train.run.micro_batches import micro_batches
from quarry.train.run.noise_probe import check_parts
from quarry.train.run.origin import run_facts
from quarry.train.run.programs import compiled_step
from quarry.train.run.reference import ReferenceLosses, choosing_facts, open_reference
from quarry.train.run.resume import diverged_with_trunk, starting_state
from quarry.train.run.rollback import RollBacks
from quarry.train.run.run_log import RunLog
from quarry.train.run.signals import StopRequest
from quarry.train.run.sizes import RunSizes, prepare_others, prepare_store, resolve_sizes
from quarry.train.run.stacking import Member, Request, alone, whole
from quarry.train.run.step import state_bytes, step_scalars
from quarry.train.run.step_inputs import at_stage, step_inputs
from quarry.train.run.train_state import TrainState

Steps = Generator[Request, Any, Status]
LEASE_SECONDS = 60.0
STATUS_AFTER: dict[int, Status] = {PREEMPTED: "preempted", INTERRUPTED: "preempted"}
"""The recorded status of a run that ended in haste, by its exit code; any other code means `failed`."""


def train(
    point: Point, workdir: Path, cache: Path, watcher: Watcher, lease_seconds: float = LEASE_SECONDS
) -> Status:
    """Train a scale point to its end, from its newest checkpoint if it has one; returns its status.

    `workdir` is a folder, or `gs://...`; there a process that has given no sign of life for `lease_seconds`
    counts as dead.

    A finished or diverged run is left as it is. Raises ConfigError or DataError for a point that cannot be
    trained, before anything is written.
    """
    stopping = StopRequest(point.config.checkpoint.grace_seconds, end_all_hosts)
    return alone(train_stepwise(point, workdir, cache, watcher, stopping, compiled_step, lease_seconds))


def train_stepwise(
    point: Point,
    workdir: Path,
    cache: Path,
    watcher: Watcher,
    stopping: AbstractContextManager[StopRequest],
    program: Callable[[Experiment, Mesh], Any],
    lease_seconds: float = LEASE_SECONDS,
) -> Steps:
    """`train` as a coroutine: it yields a request for each step, of what `program` makes of an experiment.

    It enters `stopping` once it has something to save.
    """
    place = partial(locate_run, workdir, cache=cache)
    directory, trunk = place(point.run), place(f"{point.study}/{point.trunk}") if point.trunk else None
    require_trackers(point.config.tracking)
    mesh = make_mesh(point.config.mesh)
    check_memory(point.config, mesh)
    store = prepare_store(point.config, cache, say=watcher.say)
    others = prepare_others(point.config, store, cache, say=watcher.say)
    sizes = resolve_sizes(point.config, store)
    for stage in point.config.ramp.stages(0, sizes.steps):
        micro_batches(at_stage(point.config, stage), mesh)
        check_parts(at_stage(point.config, stage), mesh)
    check_same_on_all_hosts(point.config, store)
    with (
        stopping as stop,
        open_run(directory, point.config, lease_seconds, watcher.say) as directory,
        enough_space(
            directory.path,
            f"a checkpoint takes up to {state_bytes(point.config) / 2**20:.1f} MiB",
            ": it resumes from its last checkpoint",
        ),
        usable(directory.path),
    ):
        former = broadcast_from_first(directory.status)
        if former in TERMINAL and broadcast_from_first(lambda: has_its_rows(directory, watcher.say)):
            return former
        reference = open_reference(point.config, store, sizes, mesh, cache)
        broadcast_from_first(lambda: record_start(directory, point, sizes, store, others, reference))
        try:
            in_haste = on_abrupt_end(
                lambda code: directory.write_run(status=STATUS_AFTER.get(code, "failed"))
            )
            with reserve(directory.path), in_haste:
                if trunk is not None:
                    broadcast_from_first(trunk.fetch)
                run = RunContext(
                    point.config, sizes, store, mesh, directory, watcher, program, trunk, others, reference
                )
                status = yield from TrainingLoop(run).train(stop)
        except BaseException:
            with contextlib.suppress(Exception):  # a full disk must not hide what happened
                directory.finish("failed")
            raise
        directory.finish(status)
        return status


def has_its_rows(directory: RunDirectory, say: Callable[[str], object]) -> bool:
    """Whether the logs of a run that has ended are those it ended with; those that are not are restored."""
    changed = ", ".join(log.name for log in directory.changed_logs())
    if not changed:
        return True
    restored = directory.restore_logs()
    how = "restored from Parquet" if restored else "what is lost is trained again"
    say(f"{changed} in {directory} changed after the run had ended: {how}")
    return restored


def record_start(
    directory: RunDirectory,
    point: Point,
    sizes: RunSizes,
    store: TokenStore,
    others: Mapping[str, TokenStore],
    reference: ReferenceLosses | None,
) -> None:
    """Record what is known before the first step. Raises ConfigError if the run began on other data."""
    check_same_data(directory, store, others)
    choosing = choosing_facts(point.config, sizes, reference)
    check_same_reference(directory, choosing.get("reference"))
    config, started = experiment_as_json(point.config), directory.read_run().get("started", time.time())
    directory.write_config(config)
    known = describe_run(point.config, sizes, store) | choosing | {"config": config}
    known |= answers_of_run(point.config, sizes, store)
    known |= {"also": {name: other.manifest for name, other in others.items()}} if others else {}
    directory.write_run(status="running", started=started, trunk=point.trunk, **known)


class TrainingLoop:
    """One process's training of a run, from where it stands to its end or to a request to stop."""

    def __init__(self, run: RunContext):
        self._run, experiment, sizes = run, run.experiment, run.sizes
        self._rate = schedule(experiment.schedule, experiment.optimizer.learning_rate, sizes.steps)
        self._permanent = permanent_steps(experiment, sizes.steps) | fork_steps(
            experiment, sizes.unique_tokens
        )
        self._checkpoints = Checkpoints(
            run.directory.checkpoints, experiment.checkpoint, self._permanent, run.report
        )
        self._evaluations = EvaluationSchedule(run)
        self._roll_backs = RollBacks(run)

    def train(self, stop: StopRequest) -> Steps:
        """Train; the logs and the newest checkpoint agree whenever this returns."""
        with contextlib.closing(self._checkpoints):
            if diverged_with_trunk(self._run):
                return "diverged"
            status = yield from self._attempt(stop)
            while status == "diverged" and (trouble := self._log.trouble) and self._roll_backs.remain():
                self._checkpoints.drop_after(trouble.last_good)
                status = yield from self._attempt(stop, trouble)
            return status

    def _attempt(self, stop: StopRequest, trouble: Trouble | None = None) -> Steps:
        """Train from the newest good checkpoint on, without the batches that led to `trouble`."""
        logged = broadcast_from_first(lambda: mark_of(self._run.directory.metrics) != EMPTY)
        state, first = starting_state(self._run, self._checkpoints)
        self._note_best()
        if trouble is not None:
            self._roll_backs.leave_out(first, trouble)
        elif logged and first == 0:
            where = self._run.directory.checkpoints
            self._run.report("restart", 0, f"no checkpoint in {where} can be used: trained from the start")
        self._log = RunLog(self._run.directory, self._run.experiment, self._run.watcher, self._run.trunk)
        with ExitStack() as stack:
            stack.callback(self._log.close)
            self._run.watcher.start(self._run.directory.name, first, self._run.sizes.steps)
            stack.callback(self._run.watcher.stop)
            return (yield from self._steps(state, first, stop))

    def _steps(self, state: TrainState | Member, first: int, stop: StopRequest) -> Steps:
        experiment, steps = self._run.experiment, self._run.sizes.steps
        votes = Votes(self._run.mesh, lambda: bool(stop), self._checkpoints.due)
        self._log.start_clock(first)
        inputs = step_inputs(self._run, first, self._log)
        for done in range(first + 1, steps + 1):
            rate, (program, rows), last = self._rate(done - 1), next(inputs), done == steps
            state, metrics = yield Request(program, state, rows, step_scalars(experiment, rate))
            if last or done % experiment.log_every == 0:
                self._log.step(done, rate, metrics)
            if self._evaluations.due(done):
                self._evaluations.measure(done, rate, whole(state), self._log)
                self._note_best()
            stopping, due = votes.result()
            save = last or stopping or due or done in (*self._permanent, self._checkpoints.best)
            if save:
                self._log.sync()
            if self._in_trouble():
                return "diverged"
            if save:
                self._checkpoints.save(whole(state), run_facts(self._run, self._log.marks()))
            if stopping and not last:
                return "preempted"
            votes.cast()
        return "finished"

    def _in_trouble(self) -> bool:
        """Whether trouble ends this attempt; trouble that does not is forgotten."""
        if self._log.trouble is None:
            return False
        if self._roll_backs.end_attempt(self._log.trouble):
            return True
        self._log.trouble = None
        return False

    def _note_best(self) -> None:
        """Tell the checkpoints which step has the lowest validation loss in the record."""
        if self._run.experiment.checkpoint.best:
            self._checkpoints.best = broadcast_from_first(
                lambda: best_step(read_jsonl(self._run.directory.evals))
            )
