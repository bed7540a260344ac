"""The training loop: from a scale point to a finished run record."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh

from quarry.errors import INTERRUPTED, PREEMPTED
from quarry.model.sharding import make_mesh
from quarry.train.config.batch_ramp import Stage
from quarry.train.config.branches import fork_step, fork_steps
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import Point
from quarry.train.config.schedules import is_annealed, schedule
from quarry.train.data.feed import Batch, feed
from quarry.train.data.order import BatchOrder
from quarry.train.data.store import TokenStore
from quarry.train.hosts.agreement import broadcast_from_first, is_first_host
from quarry.train.hosts.host_rows import HostRows
from quarry.train.hosts.shutdown import end_all_hosts, on_abrupt_end
from quarry.train.hosts.votes import Votes
from quarry.train.record.files import drop_rows_after, read_jsonl, read_last_row, write_json
from quarry.train.record.locations import locate_run
from quarry.train.record.progress import Watcher
from quarry.train.record.run_directory import RunDirectory, best_step
from quarry.train.record.schema import TERMINAL, Status
from quarry.train.record.trackers import require_trackers
from quarry.train.run.checkpoints import Checkpoints, permanent_steps
from quarry.train.run.compatibility import check_same_data, check_same_on_all_hosts
from quarry.train.run.description import describe_run, experiment_as_json
from quarry.train.run.disk_space import enough_space, reserve
from quarry.train.run.evaluation import Evaluator, evaluation_steps, evaluators
from quarry.train.run.locking import open_run
from quarry.train.run.rollback import Trouble
from quarry.train.run.run_log import RunLog
from quarry.train.run.signals import StopRequest
from quarry.train.run.sizes import RunSizes, prepare_store, resolve_sizes
from quarry.train.run.stacking import Member, Request, alone, whole
from quarry.train.run.step import (
    TrainState,
    abstract_state,
    compiled_step,
    make_state,
    micro_batches,
    state_bytes,
    step_scalars,
)

Steps = Generator[Request, Any, Status]
LEASE_SECONDS = 60.0
STATUS_AFTER: dict[int, Status] = {PREEMPTED: "preempted", INTERRUPTED: "preempted"}
"""What the record says of a run that ended in haste, by its exit code; else it failed."""


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
    store = prepare_store(point.config, cache)
    plan = resolve_sizes(point.config, store)
    mesh = make_mesh(point.config.mesh)
    require_trackers(point.config.tracking)
    for stage in point.config.ramp.stages(0, plan.steps):
        micro_batches(at_stage(point.config, stage), mesh)
    check_same_on_all_hosts(point.config, store)
    with (
        stopping as stop,
        open_run(directory, point.config, lease_seconds, watcher.say) as directory,
        enough_space(directory.path, state_bytes(point.config)),
    ):
        former = broadcast_from_first(directory.status)
        if former in TERMINAL:
            return former
        broadcast_from_first(lambda: begin(directory, point, plan, store))
        try:
            in_haste = on_abrupt_end(
                lambda code: directory.write_run(status=STATUS_AFTER.get(code, "failed"))
            )
            with reserve(directory.path), in_haste:
                if trunk is not None:
                    broadcast_from_first(trunk.fetch)
                run = Training(point.config, plan, store, mesh, directory, watcher, program, trunk)
                status = yield from run.run(stop)
        except BaseException:
            with contextlib.suppress(Exception):  # a full disk must not hide what happened
                directory.finish("failed")
            raise
        directory.finish(status)
        return status


def begin(directory: RunDirectory, point: Point, plan: RunSizes, store: TokenStore) -> None:
    """Write down what is known before the first step. Raises ConfigError if the run began on other data."""
    check_same_data(directory, store)
    write_json(directory.config, experiment_as_json(point.config))
    started = directory.read_run().get("started", time.time())
    known = describe_run(point.config, plan, store)
    directory.write_run(status="running", started=started, trunk=point.trunk, **known)


def at_stage(experiment: Experiment, stage: Stage) -> Experiment:
    """The experiment with one stage's batch throughout: what its step is compiled from."""
    tokens = stage.sequences * experiment.model.context
    return dataclasses.replace(experiment, batch_tokens=tokens, batch_ramp=())


class Training:
    """One process's pass over a run, from where it stands to its end or to a request to stop."""

    def __init__(
        self,
        experiment: Experiment,
        plan: RunSizes,
        store: TokenStore,
        mesh: Mesh,
        directory: RunDirectory,
        watcher: Watcher,
        program: Callable[[Experiment, Mesh], Any],
        trunk: RunDirectory | None = None,
    ):
        self._experiment, self._plan, self._store, self._mesh = experiment, plan, store, mesh
        self._directory, self._watcher, self._trunk = directory, watcher, trunk
        self._program = program
        self._rate = schedule(experiment.schedule, experiment.optimizer.learning_rate, plan.steps)
        self._permanent = permanent_steps(experiment, plan.steps) | fork_steps(experiment, plan.unique_tokens)
        self._checkpoints = Checkpoints(
            directory.checkpoints, experiment.checkpoint, self._permanent, self._report
        )
        self._measured = evaluation_steps(plan.steps, experiment.evaluation.count)
        self._validate, self._test = evaluators(experiment, mesh, store)

    def run(self, stop: StopRequest) -> Steps:
        """Train; the logs and the newest checkpoint agree whenever this returns."""
        with contextlib.closing(self._checkpoints):
            if self._lost_with_trunk():
                return "diverged"
            status = yield from self._attempt(stop)
            while status == "diverged" and (trouble := self._log.trouble) and self._rolls_back():
                self._checkpoints.drop_after(trouble.last_good)
                status = yield from self._attempt(stop, trouble)
            return status

    def _attempt(self, stop: StopRequest, trouble: Trouble | None = None) -> Steps:
        """Train from the newest good checkpoint on, without the batches that led to `trouble`."""
        state, first = self._start()
        if trouble is not None:
            self._leave_out(first, trouble)
        self._log = RunLog(self._directory, self._experiment, self._watcher)
        with ExitStack() as stack:
            stack.callback(self._log.close)
            self._watcher.start(self._directory.name, first, self._plan.steps)
            stack.callback(self._watcher.stop)
            return (yield from self._steps(state, first, stop))

    def _rolls_back(self) -> bool:
        return len(self._skips()) < self._experiment.rollback.times

    def _skips(self) -> tuple[tuple[int, int], ...]:
        """What roll-backs have left out of the batch order."""
        skips = broadcast_from_first(lambda: self._directory.read_run().get("skips", []))
        return tuple((place, n) for place, n in skips)

    def _leave_out(self, first: int, trouble: Trouble) -> None:
        """Put on record that the batches of the steps from `first` up to the trouble are not used again."""
        place, until = (
            self._experiment.ramp.tokens(step) // self._experiment.model.context
            for step in (first, trouble.step)
        )
        skips = (*self._skips(), (place, until - place))
        broadcast_from_first(lambda: self._directory.write_run(skips=skips))
        sentence = f"{trouble.sentence}: back to step {first}, without the batches between"
        self._report("rollback", trouble.step, sentence)

    def _gives_up(self) -> bool:
        """Whether the trouble there is ends this attempt; one that does not is put on record and let be."""
        trouble = self._log.trouble
        if trouble is None or (not trouble.diverged and not self._rolls_back()):
            if trouble is not None:
                self._report("spike", trouble.step, trouble.sentence)
            self._log.trouble = None
            return False
        if not self._rolls_back():
            self._report("diverged", trouble.step, trouble.sentence)
        return True

    def _start(self) -> tuple[TrainState, int]:
        """The state to go on from and its step; rows of the logs after that step are dropped."""
        abstract = abstract_state(self._experiment, self._mesh)
        state, step = (
            self._checkpoints.newest(abstract, self._reaches) or self._from_trunk(abstract) or (None, 0)
        )
        for log in (self._directory.metrics, self._directory.evals) if is_first_host() else ():
            drop_rows_after(log, step)
        self._note_best()
        return state or make_state(self._experiment, self._mesh), step

    def _from_trunk(self, abstract: TrainState) -> tuple[TrainState, int] | None:
        """The state with which this branch leaves its trunk; None if this is no branch, or there is none."""
        if self._trunk is None:
            return None
        step = fork_step(self._experiment, self._plan.unique_tokens)
        held = Checkpoints(self._trunk.checkpoints, self._experiment.checkpoint, (), self._report)
        with contextlib.closing(held):
            state = held.at(step, abstract)
        if state is None:
            sentence = f"{self._trunk.name} has no checkpoint of step {step}: trained from the start"
            self._report("alone", step, sentence)
            return None
        self._take_over(self._trunk, step)
        return state, step

    def _take_over(self, trunk: RunDirectory, step: int) -> None:
        """Put on record where this branch begins, and what its trunk has left out until there."""
        place = self._experiment.ramp.tokens(step) // self._experiment.model.context

        def write() -> None:
            skips = [skip for skip in trunk.read_run().get("skips", []) if skip[0] < place]
            self._directory.write_run(forked_at=step, skips=skips)

        broadcast_from_first(write)

    def _lost_with_trunk(self) -> bool:
        """Whether this branch's trunk diverged before they part; then so does this branch."""
        trunk = self._trunk
        if trunk is None or broadcast_from_first(trunk.status) != "diverged":
            return False
        last = broadcast_from_first(lambda: (read_last_row(trunk.metrics) or {"step": 0})["step"])
        lost = last < fork_step(self._experiment, self._plan.unique_tokens)
        if lost:
            sentence = f"{trunk.name} diverged at step {last}, before this branch leaves it"
            self._report("diverged", last, sentence)
        return lost

    def _reaches(self, step: int) -> bool:
        """Whether the record holds the rows that were written before the checkpoint of `step`."""
        every, began = self._experiment.log_every, self._directory.read_run().get("forked_at", 0)
        logged = self._plan.steps if step == self._plan.steps else step // every * every
        measured = max((found for found in self._measured if found <= step), default=0)
        return all(
            through <= began or through in {row["step"] for row in read_jsonl(log)}
            for log, through in ((self._directory.metrics, logged), (self._directory.evals, measured))
        )

    def _note_best(self) -> None:
        """Tell the checkpoints which step has the lowest validation loss on record."""
        if self._experiment.checkpoint.best:
            self._checkpoints.best = broadcast_from_first(
                lambda: best_step(read_jsonl(self._directory.evals))
            )

    def _report(self, event: str, step: int, sentence: str) -> None:
        self._directory.add_event(event, step, sentence)
        self._watcher.say(sentence)

    def _steps(self, state: TrainState | Member, first: int, stop: StopRequest) -> Steps:
        votes = Votes(self._mesh, lambda: bool(stop), self._checkpoints.due)
        self._log.start_clock(first)
        sent = self._sent(first)
        for done in range(first + 1, self._plan.steps + 1):
            rate, (program, rows), last = self._rate(done - 1), next(sent), done == self._plan.steps
            state, metrics = yield Request(program, state, rows, step_scalars(self._experiment, rate))
            if last or done % self._experiment.log_every == 0:
                self._log.step(done, rate, metrics)
            if last or done in self._measured:
                self._evaluate(done, rate, whole(state))
            stopping, due = votes.result()
            save = last or stopping or due or done in (*self._permanent, self._checkpoints.best)
            if save:
                self._log.sync()
            if self._log.trouble and self._gives_up():
                return "diverged"
            if save:
                self._checkpoints.save(whole(state))
            if stopping and not last:
                return "preempted"
            votes.cast()
        return "finished"

    def _sent(self, first: int) -> Iterator[tuple[Any, Any]]:
        """For each step from `first` on: its program, one for each batch size, and its batch."""
        for stage in self._experiment.ramp.stages(first, self._plan.steps):
            host_rows = HostRows(self._mesh, stage.sequences)
            with self._log.pause():
                program, batches = self._compile(stage), self._batches(stage, host_rows)
            for batch in batches:
                yield (
                    program,
                    (host_rows.global_array(batch.inputs_BxT), host_rows.global_array(batch.targets_BxT)),
                )

    def _compile(self, stage: Stage) -> Any:
        """The step, compiled ahead unless runs are stacked; what XLA counts of it goes on record."""
        began, experiment = time.monotonic(), at_stage(self._experiment, stage)
        compiled = self._program(experiment, self._mesh)
        self._directory.write_run(
            compile_seconds=time.monotonic() - began,
            flops_xla_per_token=self._flops_xla(experiment, compiled.cost_analysis()),
        )
        return compiled

    def _flops_xla(self, experiment: Experiment, cost: Any) -> float | None:
        """XLA's count per token. It counts the loop over micro-batches once, hence the factor; the
        optimiser's share, a few FLOPs per parameter and step, is then counted too often. None if layers are
        scanned, as it counts one of them."""
        if not cost or "flops" not in cost or self._experiment.model.scan_layers:
            return None
        passes = micro_batches(experiment, self._mesh)
        return cost["flops"] * self._mesh.size * passes / experiment.batch_tokens

    def _batches(self, stage: Stage, host_rows: HostRows) -> Iterator[Batch]:
        n, draw = self._plan.n_sequences, self._experiment.data.draw
        order = BatchOrder(n, self._experiment.seed_order, self._skips(), first=draw * n)
        return feed(
            self._store,
            order,
            context=self._experiment.model.context,
            batch_sequences=stage.sequences,
            first=stage.position,
            steps=int(stage.last_step) - stage.first_step,
            rows=host_rows.rows,
        )

    def _evaluate(self, done: int, rate: float, state: TrainState) -> None:
        """Measure the validation loss, and at the very end the test loss; not of a run that has diverged."""
        jax.block_until_ready(state)
        self._log.flush()
        if self._log.diverged:
            return
        with self._log.pause():
            last = done == self._plan.steps
            splits = {"validation": self._validate} | ({"test": self._test} if last else {})
            for split, evaluator in splits.items():
                self._log.evaluation(self._eval_row(done, rate, split, evaluator, state))
            if last:
                self._directory.write_run(test_text=self._test.compressors())
        self._note_best()

    def _eval_row(
        self, done: int, rate: float, split: str, evaluator: Evaluator, state: TrainState
    ) -> dict[str, Any]:
        tokens = self._experiment.ramp.tokens(done)
        return {
            "step": done,
            "tokens": tokens,
            "epochs": tokens / self._plan.unique_tokens,
            "batch_tokens": self._experiment.ramp.batch_tokens(done - 1),
            "split": split,
            "scored_tokens": evaluator.tokens,
            "unigram_entropy": evaluator.unigram_entropy,
            "annealed": is_annealed(self._experiment.schedule, done, self._plan.steps),
            "learning_rate": rate,
            **dataclasses.asdict(evaluator(state.params)),
        }
