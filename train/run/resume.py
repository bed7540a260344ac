"""Where a run starts: at its newest good checkpoint, for a branch at its trunk's, else at the first state."""

import contextlib

from quarry.train.config.branches import fork_step
from quarry.train.config.schedules import evaluation_steps
from quarry.train.hosts.agreement import broadcast_from_first, is_first_host
from quarry.train.record.files import drop_rows_after, read_jsonl, read_last_row
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.checkpoints import Checkpoints
from quarry.train.run.context import RunContext
from quarry.train.run.step import abstract_state, make_state
from quarry.train.run.train_state import TrainState


def starting_state(run: RunContext, checkpoints: Checkpoints) -> tuple[TrainState, int]:
    """The state to start from and its step. Rows of the logs after that step are dropped."""
    abstract = abstract_state(run.experiment, run.mesh)
    state, step = (
        checkpoints.newest(abstract, lambda step: record_reaches(run, step))
        or _state_of_trunk(run, abstract)
        or (None, 0)
    )
    for log in (run.directory.metrics, run.directory.evals) if is_first_host() else ():
        drop_rows_after(log, step)
    return state or make_state(run.experiment, run.mesh), step


def record_reaches(run: RunContext, step: int) -> bool:
    """Whether the logs hold the rows that were written before the checkpoint of `step`."""
    every, forked_at = run.experiment.log_every, run.directory.read_run().get("forked_at", 0)
    logged = run.sizes.steps if step == run.sizes.steps else step // every * every
    measured = evaluation_steps(run.sizes.steps, run.experiment.evaluation.count)
    evaluated = max((at for at in measured if at <= step), default=0)
    return all(
        last <= forked_at or last in {row["step"] for row in read_jsonl(log)}
        for log, last in ((run.directory.metrics, logged), (run.directory.evals, evaluated))
    )


def _state_of_trunk(run: RunContext, abstract: TrainState) -> tuple[TrainState, int] | None:
    """The state at which a branch leaves its trunk; None if this is no branch, or it has no checkpoint."""
    if run.trunk is None:
        return None
    step = fork_step(run.experiment, run.sizes.unique_tokens)
    with contextlib.closing(
        Checkpoints(run.trunk.checkpoints, run.experiment.checkpoint, (), run.report)
    ) as checkpoints:
        state = checkpoints.at(step, abstract)
    if state is None:
        sentence = f"{run.trunk.name} has no checkpoint of step {step}: trained from the start"
        run.report("alone", step, sentence)
        return None
    _record_fork(run, run.trunk, step)
    return state, step


def _record_fork(run: RunContext, trunk: RunDirectory, step: int) -> None:
    """Record where this branch begins, and what its trunk has left out of the batch order until there."""

    def write() -> None:
        skips = [skip for skip in trunk.read_run().get("skips", []) if skip[0] < run.position(step)]
        run.directory.write_run(forked_at=step, skips=skips)

    broadcast_from_first(write)


def diverged_with_trunk(run: RunContext) -> bool:
    """Whether the trunk of this branch diverged before the branch leaves it: then the branch has too."""
    trunk = run.trunk
    if trunk is None or broadcast_from_first(trunk.status) != "diverged":
        return False
    last = broadcast_from_first(lambda: (read_last_row(trunk.metrics) or {"step": 0})["step"])
    diverged = last < fork_step(run.experiment, run.sizes.unique_tokens)
    if diverged:
        sentence = f"{trunk.name} diverged at step {last}, before this branch leaves it"
        run.report("diverged", last, sentence)
    return diverged
