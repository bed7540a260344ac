"""Runs as coroutines that ask for their steps, one run by itself or several of one shape in one program.

A run yields a `Request` for each optimiser step and is sent back the state and metrics after it. `alone`
answers from the run's own program. A `Stack` answers all its runs at once: the step mapped over a leading
axis of members, so that small models fill a device. Whatever else a run does, its data order, schedule,
record, checkpoints and evaluations, is its own and the same either way.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from quarry.checks import require
from quarry.train.config.experiment import Experiment, same_programs
from quarry.train.run.step import StepMetrics, StepScalars, TrainState, step_function

Run = Generator["Request", Any, Any]


class Request(NamedTuple):
    """One step that a run asks for."""

    program: Any
    """(state, inputs [B, T], targets [B, T], scalars) -> (state, metrics), or the `Stacked` in its place."""
    state: "TrainState | Member"
    rows: tuple[Any, Any]
    scalars: StepScalars


@dataclass(frozen=True, eq=False)
class Member:
    """The state of one run of a stack, until the next step of that stack."""

    states: TrainState
    slot: int


def whole(state: TrainState | Member) -> TrainState:
    """The state of a run as arrays of its own."""
    return _taken(state.states, state.slot) if isinstance(state, Member) else state


@jax.jit
def _taken(states: TrainState, slot: Any) -> TrainState:
    return jax.tree.map(lambda leaf: leaf[slot], states)


@jax.jit
def _joined(states: Sequence[TrainState]) -> TrainState:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)


@dataclass(frozen=True)
class Element:
    """A number of an array on the device, read when it is asked for."""

    array: Any
    slot: int

    def __float__(self) -> float:
        return float(np.asarray(self.array)[self.slot])


def alone(run: Run) -> Any:
    """Take a run to its end, with its own program; returns what it returns."""
    answer = None
    try:
        while True:
            request = run.send(answer)
            try:
                answer = request.program(request.state, *request.rows, request.scalars)
            except BaseException as error:
                run.throw(error)
    except StopIteration as end:
        return end.value


class Stacked:
    """The step of several runs in one program. Rounded up to a power of two, so that few are compiled; the
    slots left over repeat the first run."""

    def __init__(self, experiment: Experiment, mesh: Mesh):
        self._step = jax.jit(jax.vmap(step_function(experiment, mesh)), donate_argnums=0)
        self._states: Any = None
        self._held: dict[int, Member] = {}

    def holds(self, number: int, state: TrainState | Member) -> bool:
        """Whether `state` is that of run `number` after the last step here."""
        return self._held.get(number) is state

    def cost_analysis(self) -> None:
        """XLA's counts are of all members and the slots left over: none are given for one run."""

    def __call__(self, requests: Mapping[int, Request]) -> dict[int, tuple[Member, StepMetrics]]:
        """The state and metrics of each run after its step; the states given are gone."""
        asked = [requests[number] for number in sorted(requests)]
        asked += asked[:1] * (slots_for(len(asked)) - len(asked))
        held = {number: request.state for number, request in requests.items()}
        states = self._states if held == self._held else _joined([whole(request.state) for request in asked])
        rows = (np.stack([request.rows[i] for request in asked]) for i in (0, 1))
        scalars = StepScalars(*map(np.stack, zip(*(request.scalars for request in asked), strict=True)))
        self._states, metrics = self._step(states, *rows, scalars)
        self._held = {number: Member(self._states, slot) for slot, number in enumerate(sorted(requests))}
        return {
            number: (member, StepMetrics(*(Element(array, member.slot) for array in metrics)))
            for number, member in self._held.items()
        }


def slots_for(runs: int) -> int:
    """The members of the program that steps so many runs."""
    return 1 << (runs - 1).bit_length()


class Stack:
    """Several runs that take their steps together."""

    def __init__(self) -> None:
        self._programs: dict[Experiment, Stacked] = {}

    def program(self, experiment: Experiment, mesh: Mesh) -> Stacked:
        """The program that steps of `experiment` ask for. Raises ConfigError on several devices."""
        require(mesh.size == 1, f"runs are stacked on one device, not on a mesh of {mesh.size}")
        return self._programs.setdefault(same_programs(experiment), Stacked(experiment, mesh))

    def run(self, runs: Mapping[int, Run], failed: Callable[[int, Exception], object]) -> dict[int, Any]:
        """Take all runs to their ends; returns what those that do not fail return.

        A run that raises leaves the stack, and `failed` is told.
        """
        ended: dict[int, Any] = {}
        answers: dict[int, Any] = dict.fromkeys(runs)
        while answers:
            requests: dict[int, Request] = {}
            for number, answer in answers.items():
                try:
                    requests[number] = runs[number].send(answer)
                except StopIteration as end:
                    ended[number] = end.value
                except Exception as error:
                    failed(number, error)
            answers = self._answered(requests)
        return ended

    def _answered(self, requests: Mapping[int, Request]) -> dict[int, Any]:
        own = {number: _brought(number, request) for number, request in requests.items()}
        answers: dict[int, Any] = {}
        for program in dict.fromkeys(request.program for request in own.values()):
            answers |= program({n: request for n, request in own.items() if request.program is program})
        return answers


def _brought(number: int, request: Request) -> Request:
    """The request with a state that no other program's step takes away: a run may change its program."""
    stays = request.program.holds(number, request.state)
    return request if stays else request._replace(state=whole(request.state))
