"""Schedules: pure functions of the step, for the learning rate and for the evaluations.

rate = schedule(config, peak=3e-3, steps=1000)
rate(0), rate(999)
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from quarry.checks import require

if TYPE_CHECKING:
    from quarry.train.config.experiment import ScheduleConfig

Schedule = Callable[[int], float]

ANNEALED_BELOW = 0.11
"""A loss is annealed if its schedule ended at or below a tenth of the peak, with room for rounding (the 10x
decay of Hoffmann 2022, 2203.15556, section 3.1)."""


def schedule(config: "ScheduleConfig", peak: float, steps: int) -> Schedule:
    """The rate of step 0 .. steps - 1 of a run.

    Warm-up is linear and reaches the peak at its last step. Then `wsd` is constant until its cooldown,
    peak (1 - (1 - final) sqrt(x)) (Hägele 2024, 2405.18392), or with x in place of sqrt(x); `cosine` decays
    from the end of warm-up; `constant` does not decay. x runs in equal steps from 0, the step before the
    cooldown, to 1, the step after the run: no step is spent at the final rate itself, which may be zero.
    """
    warmup, cooldown = warmup_steps(config, steps), cooldown_start(config, steps)
    fall = math.sqrt if config.shape == "1-sqrt" else float

    def rate(step: int) -> float:
        if step < warmup:
            return peak * (step + 1) / warmup
        if config.kind == "cosine":
            done = (step + 1 - warmup) / (steps + 1 - warmup)
            return peak * (config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * done)))
        if config.kind == "wsd" and step >= cooldown:
            done = (step + 1 - cooldown) / (steps + 1 - cooldown)
            return peak * (1 - (1 - config.final) * fall(done))
        return peak

    return rate


def warmup_steps(config: "ScheduleConfig", steps: int) -> int:
    """Steps of warm-up in a run of `steps`."""
    return math.ceil(config.warmup * steps) if config.warmup_steps is None else config.warmup_steps


def cooldown_start(config: "ScheduleConfig", steps: int) -> int:
    """The first step of the cooldown of a `wsd` run of `steps`; `steps` for the other kinds."""
    return steps - (round(config.decay * steps) if config.kind == "wsd" else 0)


def check_schedule(config: "ScheduleConfig", steps: int) -> None:
    """Raise ConfigError if the warm-up of a run of `steps` lasts beyond the start of its cooldown."""
    fixed, constant = config.warmup_steps, cooldown_start(config, steps)
    require(
        fixed is None or fixed <= constant,
        f"schedule.warmup_steps = {fixed} is more than the {constant} steps before the cooldown, of {steps}",
    )


def is_annealed(config: "ScheduleConfig", step: int, steps: int) -> bool:
    """Whether a loss measured after `step` of `steps` steps is the end point of a decayed schedule."""
    falls_from = warmup_steps(config, steps) if config.kind == "cosine" else cooldown_start(config, steps)
    return step == steps and steps - falls_from >= 2 and config.final <= ANNEALED_BELOW


def evaluation_steps(steps: int, count: int) -> tuple[int, ...]:
    """The steps after which the validation loss is measured: the end, half way, a quarter of the way and so
    on, `count` of them; fewer in a run too short for as many."""
    halvings = range(min(count, steps.bit_length() + 1))
    return tuple(sorted({max(1, round(steps / 2**halving)) for halving in halvings}))
