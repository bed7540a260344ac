"""L(D): one size, large for its text, on nested subsets of it, with dropout, stopped at its best.

Claim: L ~ D^-alpha_D with alpha_D = 0.095 (Kaplan 2020, 2001.08361, eq. 1.2: 36 layers of 1,280, early
stopping).
Expected: the exponent within a factor of two of the paper's; the largest D within 5% of what the smaller
ones say.
Command: quarry sweep kaplan_d

One file per D. A point is one trunk with a branch that decays after each number of passes, and its loss is
the least of these. On a CPU each D is trained thrice, by other first parameters, orders and draws of the
text: a speech has about 49 thousand bytes, so that small D are few documents. All other rules are the recipe
of the study `epochs`. `gpu` is the same on novels for one GPU, `paper` has the paper's size and subsets.
Tables and verdicts: docs/results.md.
"""

import dataclasses

import quarry.experiments.kaplan_nd as both
from quarry.experiments._scales import replicated
from quarry.train.config.experiment import Experiment

D_MODEL, GPU_D_MODEL = 96, 512
"""222 thousand and 25 million parameters."""
PASSES = {2**13: 16, 2**14: 16, 2**15: 16, 2**16: 16, 2**17: 32, 2**18: 32, 2**19: 16, 2**20: 8}
"""The most passes over each D in bytes, by when the loss no longer falls, or what is affordable."""
GPU_PASSES = {2**19: 32, 2**20: 32, 2**21: 32, 2**22: 16, 2**23: 16, 2**24: 8, 2**25: 4}
CPU = dataclasses.replace(both.CPU, passes=PASSES)
GPU = dataclasses.replace(both.GPU, passes=GPU_PASSES)


def point(unique_tokens: int) -> Experiment:
    """One D on a CPU."""
    return both.on(unique_tokens, D_MODEL, CPU)


def gpu_point(unique_tokens: int) -> Experiment:
    """One D on a GPU."""
    return both.on(unique_tokens, GPU_D_MODEL, GPU)


def redrawn(config: Experiment) -> dict[str, Experiment]:
    """The same D by other first parameters, orders and draws of the text."""
    return {
        name: dataclasses.replace(each, data=dataclasses.replace(each.data, draw=each.seed_init))
        for name, each in replicated(config).items()
    }
