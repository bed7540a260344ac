"""Where a run starts: at its newest good checkpoint, for a branch at its trunk's, else at the first state."""

import contextlib
from typing import Any

from quarry.train.config.branches import fork_step
from quarry.train.hosts.agreement import broadcast_from_first, is_first_host
from quarry.train.record.files import drop_rows_after, read_json, read_last_row
from quarry.train.record.run_directory import RunDirectory
from quarry.train.run.checkpoints import Checkpoints
from quarry.train.run.context import RunContext
from quarry.train.run.description import experiment_as_json
from quarry.train.run.logged_rows import logs_fault
from quarry.train.run.origin import foreign, recovered
from quarry.train.run.step import abstract_state, make_state
from quarry.train.run.train_state import TrainState


def starting_state(run: RunContext, checkpoints: Checkpoints) -> tuple[TrainState, int]:
    """The state to start from and its step. Rows of the logs after that step are dropped.

    A checkpoint is not used if it is of another run, or if the logs are not what they were when it was saved.
    """
    abstract, config = abstract_state(run.experiment, run.mesh), experiment_as_json(run.experiment)

    def fault(step: int, facts: dict[str, Any]) -> str | None:
        return foreign(facts, config, run.store) or logs_fault(run, step, facts)

    newest = checkpoints.newest(abstract, fault)
    if newest is not None:
        broadcast_from_first(lambda: _recover(run, newest[1], checkpoints.facts))
    state, step = newest or _state_of_trunk(run, abstract) or (None, 0)
    for log in (run.directory.metrics, run.directory.evals) if is_first_host() else ():
        drop_rows_after(log, step)
    return state or make_state(run.experiment, run.mesh), step


def _recover(run: RunContext, step: int, facts: dict[str, Any]) -> None:
    """Record again what run.json has lost since the checkpoint of `step`."""
    if fields := recovered(run, step, facts):
        run.directory.write_run(**fields)


def _state_of_trunk(run: RunContext, abstract: TrainState) -> tuple[TrainState, int] | None:
    """The state at which a branch leaves its trunk; None if this is no branch, or it has no checkpoint."""
    if run.trunk is None:
        return None
    step, trunk = fork_step(run.experiment, run.sizes.unique_tokens), run.trunk

    def fault(_: int, facts: dict[str, Any]) -> str | None:
        return foreign(facts, read_json(trunk.config, {}), run.store)

    with contextlib.closing(
        Checkpoints(trunk.checkpoints, run.experiment.checkpoint, (), run.report)
    ) as checkpoints:
        state = checkpoints.at(step, abstract, fault)
    if state is None:
        sentence = f"{trunk.name} has no checkpoint of step {step}: trained from the start"
        run.report("alone", step, sentence)
        return None
    _record_fork(run, trunk, step)
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
