"""The programs of points that wait, compiled while others train, into the cache that all processes share.

A sweep runs `python -P -m quarry.train.launch.compile_ahead --cache C FILE:VARIANT ...` where it has room
beside its points: on a
core that trains none, or beside a GPU. A point whose programs cannot be compiled is left to its own run; what
was in the way is in CACHE/ahead.txt. Points of a stack are not compiled ahead.
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

from quarry.train.config.experiment import Experiment
from quarry.train.config.point_files import Point
from quarry.train.hosts.platform import available_cores, gpu_present, prepare
from quarry.train.launch.local import Job, on_cores, point_of, program_of, word_of
from quarry.train.run.sizes import prepare_store, resolve_sizes

PATIENCE = 10.0
"""Seconds that a program may still take to compile when the sweep is over."""


def main(words: list[str]) -> int:
    """Compile what training the points that `words` name runs."""
    parser = argparse.ArgumentParser(prog="quarry.train.launch.compile_ahead")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("points", nargs="+")
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # not in the middle of a file of the cache
    prepare(options.cache)
    for word in options.points:
        try:
            compile_programs(point_of(word).config, options.cache)
        except Exception:
            traceback.print_exc()
    return 0


def compile_programs(experiment: Experiment, cache: Path) -> None:
    """Compile the programs of a run that take long to compile; nothing is allocated but they themselves."""
    from quarry.model.sharding import make_mesh
    from quarry.train.run.evaluation import evaluators
    from quarry.train.run.fingerprint import fingerprint
    from quarry.train.run.loop import at_stage
    from quarry.train.run.step import abstract_state, compiled_step, state_program

    store, mesh = prepare_store(experiment, cache), make_mesh(experiment.mesh)
    state, plan = abstract_state(experiment, mesh), resolve_sizes(experiment, store)
    state_program(experiment, mesh).lower().compile()
    for stage in experiment.ramp.stages(0, plan.steps):
        compiled_step(at_stage(experiment, stage), mesh)
    for evaluator in evaluators(experiment, mesh, store):
        evaluator.compile(state.params)
    fingerprint.lower(state).compile()


def to_compile(queue: Sequence[Sequence[Job]], slots: int) -> list[Point]:
    """A point for each program that is new in the queue behind the `slots` that begin at once."""
    begun = {program_of(job) for stack in queue[:slots] for job in stack}
    found: dict[object, Point] = {}
    for stack in queue[slots:]:
        if len(stack) == 1 and program_of(stack[0]) not in begun:
            found.setdefault(program_of(stack[0]), stack[0].point)
    return list(found.values())


@contextlib.contextmanager
def compiling_ahead(
    queue: Sequence[Sequence[Job]], slots: list[list[int] | None], cache: Path
) -> Iterator[None]:
    """While inside, a process beside those of `run_sweep` compiles what they will need, if there is room."""
    points, room = to_compile(queue, len(slots)), idle_cores(slots)
    if not points or room == []:
        yield
        return
    command = [
        sys.executable,
        "-P",
        "-m",
        "quarry.train.launch.compile_ahead",
        "--cache",
        str(cache.absolute()),
    ]
    with (cache / "ahead.txt").open("wb") as log:
        process = subprocess.Popen(
            on_cores([*command, *map(word_of, points)], room),
            env=os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"},  # its memory is the points'
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield
    finally:
        _end(process)


def _end(process: subprocess.Popen) -> None:
    """Ask it to end, which it does after the program at hand; a sweep that is to stop cannot wait long."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def idle_cores(slots: list[list[int] | None]) -> list[int] | None:
    """The cores that no worker is kept to; None for any, beside a GPU. A TPU serves one process alone."""
    if None in slots:
        return None if gpu_present() else []
    taken = {core for slot in slots if slot for core in slot}
    return [core for core in available_cores() if core not in taken]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
