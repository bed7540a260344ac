"""Runs as coroutines that request their steps: one run alone, or several of one shape in one program.

A run yields a `Request` for each optimiser step and is sent the state and metrics after it. `alone` answers
with the run's own program. A `Stack` answers all its runs at once, with the step mapped over a leading axis
of members, so that small models fill a device. Everything else (data order, schedule, record, checkpoints,
evaluations) belongs to the run and is the same either way.
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
from quarry.train.run.programs import whole_step
from quarry.train.run.train_state import StepMetrics, StepScalars, TrainState

Run = Generator["Request", Any, Any]


class Request(NamedTuple):
    """One step that a run requests."""

    program: Any
    """(state, *rows, scalars) -> (state, metrics), or a `StackedProgram`."""
    state: "TrainState | Member"
    rows: tuple[Any, ...]
    """What a step reads (`programs.batch_shapes`)."""
    scalars: StepScalars


@dataclass(frozen=True, eq=False)
class Member:
    """The state of one run of a stack; valid until the next step of that stack."""

    states: TrainState
    slot: int


def whole(state: TrainState | Member) -> TrainState:
    """The state of a run in arrays of its own."""
    return _slice_member(state.states, state.slot) if isinstance(state, Member) else state


@jax.jit
def _slice_member(states: TrainState, slot: Any) -> TrainState:
    return jax.tree.map(lambda leaf: leaf[slot], states)


@jax.jit
def _stack_states(states: Sequence[TrainState]) -> TrainState:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)


@dataclass(frozen=True)
class Element:
    """One number of an array on the device, read when it is converted to float."""

    array: Any
    slot: int

    def __float__(self) -> float:
        return float(np.asarray(self.array)[self.slot])


def alone(run: Run) -> Any:
    """Run a coroutine to its end with its own program; returns its result."""
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


class StackedProgram:
    """The step of several runs in one program.

    The number of slots is rounded up to a power of two, so that few programs are compiled; the remaining
    slots repeat the first run.
    """

    def __init__(self, experiment: Experiment, mesh: Mesh):
        self._step = jax.jit(jax.vmap(whole_step(experiment, mesh)), donate_argnums=0)
        self._states: Any = None
        self._members: dict[int, Member] = {}

    def holds(self, number: int, state: TrainState | Member) -> bool:
        """Whether `state` is the state of run `number` after the last step of this program."""
        return self._members.get(number) is state

    def cost_analysis(self) -> None:
        """None: XLA counts all slots together, which says nothing of one run."""

    def __call__(self, requests: Mapping[int, Request]) -> dict[int, tuple[Member, StepMetrics]]:
        """The state and metrics of each run after its step; the states passed in are donated."""
        slots = [requests[number] for number in sorted(requests)]
        slots += slots[:1] * (slots_for(len(slots)) - len(slots))
        current = {number: request.state for number, request in requests.items()}
        unchanged = current == self._members
        states = self._states if unchanged else _stack_states([whole(slot.state) for slot in slots])
        rows = map(np.stack, zip(*(slot.rows for slot in slots), strict=True))
        scalars = StepScalars(*map(np.stack, zip(*(slot.scalars for slot in slots), strict=True)))
        self._states, metrics = self._step(states, *rows, scalars)
        self._members = {number: Member(self._states, slot) for slot, number in enumerate(sorted(requests))}
        return {
            number: (member, StepMetrics(*(Element(array, member.slot) for array in metrics)))
            for number, member in self._members.items()
        }


def slots_for(runs: int) -> int:
    """The number of slots of the program that steps so many runs: a power of two."""
    return 1 << (runs - 1).bit_length()


class Stack:
    """Several runs that take their steps together, in programs they share."""

    def __init__(self) -> None:
        self._programs: dict[Experiment, StackedProgram] = {}

    def program(self, experiment: Experiment, mesh: Mesh) -> StackedProgram:
        """The program for the steps of `experiment`. Raises ConfigError on several devices."""
        require(mesh.size == 1, f"runs are stacked on one device, not on a mesh of {mesh.size}")
        return self._programs.setdefault(same_programs(experiment), StackedProgram(experiment, mesh))

    def run(self, runs: Mapping[int, Run], failed: Callable[[int, Exception], object]) -> dict[int, Any]:
        """Train all runs to their ends; returns the results of those that do not fail.

        A run that raises leaves the stack, and `failed(number, error)` is called.
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
            answers = self._answer(requests)
        return ended

    def _answer(self, requests: Mapping[int, Request]) -> dict[int, Any]:
        own = {number: _with_own_state(number, request) for number, request in requests.items()}
        answers: dict[int, Any] = {}
        for program in dict.fromkeys(request.program for request in own.values()):
            answers |= program({n: request for n, request in own.items() if request.program is program})
        return answers


def _with_own_state(number: int, request: Request) -> Request:
    """The request with a state that no other program donates: a run may have changed its program."""
    holds = request.program.holds(number, request.state)
    return request if holds else request._replace(state=whole(request.state))
