"""Runs of several lengths for little more than the price of the longest: a trunk and its branches.

A branch is the run that its trunk would be with a shorter duration: the same seeds, batches and rate until
its own cooldown begins (Hägele 2024, 2405.18392). There it takes the trunk's state instead of being trained
from the start, and so equals the run trained alone, bit for bit. Its record begins at that step.
"""

import dataclasses
from collections.abc import Iterator

from quarry.checks import require
from quarry.train.config.experiment import BranchConfig, Duration, Experiment
from quarry.train.config.point_files import Point
from quarry.train.config.schedules import check_schedule, cooldown_start


def branches(trunk: Point) -> list[Point]:
    """The branches of a point, those named in epochs first; of most points none."""
    return [
        dataclasses.replace(trunk, name=f"{trunk.name}-{label}", config=config, trunk=trunk.name)
        for label, config in branch_configs(trunk.config).items()
    ]


def branch_configs(trunk: Experiment) -> dict[str, Experiment]:
    """What each branch is when trained alone: `k4` ends after 4 epochs, `t1000` after 1,000 tokens."""
    lengths = {f"k{epochs:g}": Duration(epochs=epochs) for epochs in trunk.branches.epochs}
    lengths |= {f"t{tokens}": Duration(tokens=tokens) for tokens in trunk.branches.tokens}
    schedule = dataclasses.replace(trunk.schedule, kind="wsd")
    return {
        label: dataclasses.replace(trunk, duration=length, schedule=schedule, branches=BranchConfig())
        for label, length in lengths.items()
    }


def fork_step(branch: Experiment, unique_tokens: int) -> int:
    """The steps that a branch has in common with its trunk."""
    return cooldown_start(branch.schedule, branch.steps(unique_tokens))


def fork_steps(trunk: Experiment, unique_tokens: int) -> frozenset[int]:
    """Where the branches of a trunk leave it.

    Raises ConfigError for one that would leave it before the end of warm-up or after its rate has begun to
    fall.
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
