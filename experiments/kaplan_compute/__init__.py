"""L(C), by Kaplan's protocol: every size under one schedule at one batch, losses read along the way.

Claims (Kaplan 2020, 2001.08361): the frontier L ~ C^-0.057 at one batch (eq. 3.3) and L ~ C_min^-0.050 once
each point is moved to a batch far below the critical one (eq. 1.3); on it N_opt ~ C_min^0.73,
B_crit ~ C_min^0.24 and S_min ~ C_min^0.03 (table 6).
Expected: the exponent of the loss within a factor of two; a frontier whose budgets grow in N more than in
steps.
Command: quarry sweep kaplan_compute

One file per size: one cosine over eight million bytes of speeches read once, with a long warm-up, evaluated
at each halving. All other rules are the recipe of the study `epochs`; the critical batch is that of the study
`kaplan_batch`. `gpu` is the same on novels for one GPU, `paper` has Kaplan's sizes. Tables and verdicts:
docs/results.md.
"""

import dataclasses

from quarry.experiments._scales import GPU_TOKENS
from quarry.experiments.epochs import recipe
from quarry.experiments.kaplan_nd import CPU, GPU, Grid
from quarry.train.config.experiment import Duration, Experiment, ScheduleConfig

TOKENS = 2**23
SCHEDULE = ScheduleConfig(kind="cosine", warmup_steps=100)
"""On a CPU the warm-up is as large a part of a run as the paper's 3,000 steps of 250 thousand."""
EVALUATIONS = 10


def point(d_model: int) -> Experiment:
    """One size on a CPU."""
    return _at(d_model, TOKENS, CPU)


def gpu_point(d_model: int) -> Experiment:
    """One size on a GPU."""
    return _at(d_model, GPU_TOKENS, GPU)


def _at(d_model: int, tokens: int, grid: Grid) -> Experiment:
    config = recipe(d_model, grid.corpus, grid.scale, duration=Duration(tokens=tokens))
    evaluation = dataclasses.replace(grid.evaluation, count=EVALUATIONS)
    return dataclasses.replace(config, schedule=SCHEDULE, evaluation=evaluation)
