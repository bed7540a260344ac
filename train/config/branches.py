"""A trunk and its branches: runs of several lengths for little more than the cost of the longest.

A branch is its trunk with a shorter duration: the same seeds, batches and rate until its own cooldown begins
(Hägele 2024, 2405.18392). It starts there from the trunk's state instead of from scratch, and so equals the
run trained alone bit for bit. Its record begins at that step.
"""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from quarry.checks import require
from quarry.train.config.experiment import BranchConfig, Duration, Experiment
from quarry.train.config.schedules import check_schedule, cooldown_start

if TYPE_CHECKING:
    from quarry.train.config.point_files import Point


def branches(trunk: "Point") -> "list[Point]":
    """The branches of a point, those given in epochs first. Most points have none."""
    return [
        dataclasses.replace(trunk, name=f"{trunk.name}-{label}", config=config, trunk=trunk.name)
        for label, config in branch_configs(trunk.config).items()
    ]


def branch_configs(trunk: Experiment) -> dict[str, Experiment]:
    """The experiment of each branch by its label: `k4` ends after 4 epochs, `t1000` after 1,000 tokens."""
    lengths = {f"k{epochs:g}": Duration(epochs=epochs) for epochs in trunk.branches.epochs}
    lengths |= {f"t{tokens}": Duration(tokens=tokens) for tokens in trunk.branches.tokens}
    schedule = dataclasses.replace(trunk.schedule, kind="wsd")
    return {
        label: dataclasses.replace(trunk, duration=length, schedule=schedule, branches=BranchConfig())
        for label, length in lengths.items()
    }


def fork_step(branch: Experiment, unique_tokens: int) -> int:
    """The number of steps that a branch shares with its trunk."""
    return cooldown_start(branch.schedule, branch.steps(unique_tokens))


def fork_steps(trunk: Experiment, unique_tokens: int) -> frozenset[int]:
    """The steps at which the branches of a trunk leave it.

    Raises ConfigError for a branch that would leave before the end of warm-up or after the trunk's rate has
    begun to decay.
    """
    return frozenset(_forks(trunk, unique_tokens))


def _forks(trunk: Experiment, unique_tokens: int) -> Iterator[int]:
    last = cooldown_start(trunk.schedule, trunk.steps(unique_tokens))
    for label, branch in branch_configs(trunk).items():
        steps, fork = branch.steps(unique_tokens), fork_step(branch, unique_tokens)
        check_schedule(branch.schedule, steps)
        require(fork < steps, f"the branch {label} has no step to cool in, of {steps}")
        require(
            0 < fork <= last,
            f"the branch {label} would leave its trunk at step {fork}: beyond the {last} of constant rate",
        )
        yield fork
