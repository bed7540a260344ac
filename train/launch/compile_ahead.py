"""Compiles the programs of waiting points while others train, into the cache that all processes share.

A sweep runs `python -P -m quarry.train.launch.compile_ahead --cache C FILE:VARIANT ...` where it has room
beside its points: on a core that trains none, or beside a GPU. If the programs of a point cannot be compiled,
its own run will report it; the error is also in CACHE/ahead.txt. Points of a stack are not compiled ahead.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from quarry.cores import available_cores
from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import Point
from quarry.train.hosts.platform import gpu_present, prepare
from quarry.train.launch.bound_processes import PYTHON, start_fresh
from quarry.train.launch.process_commands import point_argument, point_from_argument
from quarry.train.run.sizes import prepare_store, resolve_sizes

if TYPE_CHECKING:
    from quarry.train.launch.jobs import Job

PATIENCE = 10.0
"""Seconds that a compilation may still take when the sweep is over."""


def main(words: list[str]) -> int:
    """Compile the programs that train the points named in `words`."""
    parser = argparse.ArgumentParser(prog="quarry.train.launch.compile_ahead")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("points", nargs="+")
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # not in the middle of a file of the cache
    prepare(options.cache)
    for word in options.points:
        try:
            compile_programs(point_from_argument(word).config, options.cache)
        except Exception:
            traceback.print_exc()
    return 0


def compile_programs(experiment: Experiment, cache: Path) -> None:
    """Compile the large programs of a run; no arrays are allocated."""
    import jax

    from quarry.model.layers import seed_words
    from quarry.model.sharding import make_mesh
    from quarry.train.run.evaluation import evaluators
    from quarry.train.run.fingerprint import words_on_devices
    from quarry.train.run.programs import compiled_step
    from quarry.train.run.step import abstract_state, state_program
    from quarry.train.run.step_inputs import at_stage

    store, mesh = prepare_store(experiment, cache, verify=False), make_mesh(experiment.mesh)
    state, plan = abstract_state(experiment, mesh), resolve_sizes(experiment, store)
    state_program(experiment, mesh).lower(seed_words(experiment.seed_init)).compile()
    for stage in experiment.ramp.stages(0, plan.steps):
        compiled_step(at_stage(experiment, stage), mesh)
    for evaluator in evaluators(experiment, mesh, store):
        evaluator.compile(state.params)
    if jax.default_backend() != "cpu":  # there NumPy makes the fingerprint
        words_on_devices.lower(jax.tree.leaves(state)).compile()


def to_compile(queue: "Sequence[Sequence[Job]]", slots: int) -> list[Point]:
    """One point for each program that the first `slots` stacks of the queue do not use."""
    begun = {job.program_key for stack in queue[:slots] for job in stack}
    points: dict[object, Point] = {}
    for stack in queue[slots:]:
        if len(stack) == 1 and stack[0].program_key not in begun:
            points.setdefault(stack[0].program_key, stack[0].point)
    return list(points.values())


@contextlib.contextmanager
def compiling_ahead(
    queue: "Sequence[Sequence[Job]]", slots: list[list[int] | None], cache: Path
) -> Iterator[None]:
    """Inside, a process beside those of `run_jobs` compiles their programs, if a core is free."""
    points, room = to_compile(queue, len(slots)), idle_cores(slots)
    if not points or room == []:
        yield
        return
    command = [*PYTHON, "quarry.train.launch.compile_ahead", "--cache", str(cache.absolute())]
    try:
        log = (cache / "ahead.txt").open("wb")
    except OSError:  # nothing can be compiled into a cache that cannot be written
        yield
        return
    with log:
        environment = os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # its memory is the points'
        process = start_fresh([*command, *map(point_argument, points)], log, log, room, environment)
    try:
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen) -> None:
    """Terminate the process after its current program, or kill it if that takes too long."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def idle_cores(slots: list[list[int] | None]) -> list[int] | None:
    """The cores without a worker; None (any core) beside a GPU, [] on a TPU, which serves one process."""
    if None in slots:
        return None if gpu_present() else []
    busy = {core for slot in slots if slot for core in slot}
    return [core for core in available_cores() if core not in busy]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
