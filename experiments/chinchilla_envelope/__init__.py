"""Chinchilla, approach 1: every size under four schedules of different length, and the least loss at each C.

Claim: on the lower envelope of all learning curves N_opt ~ C^a and E_opt ~ C^b with a = b = 0.50 (Hoffmann
2022, 2203.15556, section 3.1: each size by four cosines whose lengths span a factor of 16).
Expected: a between 0.4 and 0.7; 222 thousand parameters within 5% of what a law of the smaller sizes says.
Command: quarry sweep chinchilla_envelope

One file per size: its `config` is the longest cosine, to a tenth of the rate, its variants the shorter ones;
each a run of its own, evaluated at each halving. All other rules are the recipe of the study `epochs`. `gpu`
is the same on lm1b for one accelerator, `paper` has the paper's budgets on C4. Tables and verdicts:
docs/results.md.
"""

import dataclasses

from quarry.experiments.chinchilla_isoflop import CPU, Ladder
from quarry.experiments.epochs import recipe
from quarry.model.counting import flops_6n
from quarry.train.config.experiment import Duration, Experiment, ScheduleConfig

SPAN = 16 ** (1 / 3)
"""From one length of a schedule to the next: four lengths span a factor of 16."""
FINAL = 0.1
"""The rate at the end of a cosine, of its peak (Hoffmann 2022, section 3.1)."""


def point(d_model: int, ladder: Ladder = CPU) -> Experiment:
    """The size by its longest schedule: `longest` tokens, or the ladder's last budget where that is less."""
    return _over(_longest(d_model, ladder), d_model, ladder)


def shorter(d_model: int, ladder: Ladder = CPU) -> dict[str, Experiment]:
    """The size by three shorter schedules, down to a sixteenth."""
    longest = _longest(d_model, ladder)
    return {
        f"cosine{place}": _over(round(longest / SPAN**step), d_model, ladder)
        for place, step in ((3, 1), (2, 2), (1, 3))
    }


def seeds(d_model: int) -> dict[str, Experiment]:
    """All four schedules from other first parameters, so that a resample of the runs keeps each size."""
    schedules = {"init1": point(d_model)} | {f"init1-{name}": each for name, each in shorter(d_model).items()}
    return {name: dataclasses.replace(each, seed_init=1) for name, each in schedules.items()}


def _longest(d_model: int, ladder: Ladder) -> int:
    cost = flops_6n(recipe(d_model, ladder.corpus, ladder.scale, duration=Duration(tokens=1)).model)
    return min(ladder.longest, round(ladder.budgets[-1] / cost))


def _over(tokens: int, d_model: int, ladder: Ladder) -> Experiment:
    config = recipe(d_model, ladder.corpus, ladder.scale, duration=Duration(tokens=tokens))
    schedule = ScheduleConfig(kind="cosine", warmup_steps=ladder.scale.warmup_steps, final=FINAL)
    return dataclasses.replace(config, schedule=schedule, evaluation=ladder.evaluation)
