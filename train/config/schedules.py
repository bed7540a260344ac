"""Learning-rate schedules: pure functions from a step to a rate.

rate = schedule(config, peak=3e-3, steps=1000)
rate(0), rate(999)
"""

import math
from collections.abc import Callable

from quarry.checks import require
from quarry.train.config.experiment import ScheduleConfig

Schedule = Callable[[int], float]

ANNEALED_BELOW = 0.11
"""A loss counts as annealed if it was measured after a schedule that ended at or below a tenth of its peak
(the 10x decay of Hoffmann 2022, 2203.15556, section 3.1), rounding allowed."""


def schedule(config: ScheduleConfig, peak: float, steps: int) -> Schedule:
    """The rate of step 0 .. steps - 1 of a run.

    Warm-up is linear and reaches the peak at its last step; `wsd` holds it and then cools by
    peak (1 - (1 - final) sqrt(x)) (Hägele 2024, 2405.18392), or with x for sqrt(x); `cosine` falls from the
    end of warm-up; `constant` holds. x runs in equal parts from the step before the cooldown, 0, to the step
    after the run, 1: no step is spent at the final rate itself, which may be zero.
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


def warmup_steps(config: ScheduleConfig, steps: int) -> int:
    """Steps of warm-up in a run of `steps`."""
    return math.ceil(config.warmup * steps) if config.warmup_steps is None else config.warmup_steps


def cooldown_start(config: ScheduleConfig, steps: int) -> int:
    """The first step of the cooldown of a `wsd` run of `steps`; of a `constant` one its end."""
    return steps - (round(config.decay * steps) if config.kind == "wsd" else 0)


def check_schedule(config: ScheduleConfig, steps: int) -> None:
    """Raise ConfigError if a run of `steps` ends, or cools, before it has warmed up."""
    fixed, constant = config.warmup_steps, cooldown_start(config, steps)
    require(
        fixed is None or fixed <= constant,
        f"schedule.warmup_steps = {fixed} is more than the {constant} steps before the cooldown, of {steps}",
    )


def is_annealed(config: ScheduleConfig, step: int, steps: int) -> bool:
    """Whether a loss measured after `step` steps of `steps` is an end point of a decayed schedule."""
    falling = {"wsd": config.decay, "cosine": 1 - config.warmup, "constant": 0.0}[config.kind]
    return step == steps and round(falling * steps) >= 2 and config.final <= ANNEALED_BELOW
