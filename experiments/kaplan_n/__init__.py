"""L(N) after many passes: every size on the same text until more steps help little.

Claim: L ~ N^-alpha_N with alpha_N = 0.076, on more text than any size needs and trained near convergence
(Kaplan 2020, 2001.08361, eq. 1.1; by 250 thousand steps, about six passes over WebText2).
Expected: the exponent grows with the length of the runs towards the paper's, within a factor of two of it at
the end; 99 thousand parameters within 5% of what the smaller sizes say.
Command: quarry sweep kaplan_n

One file per size: four passes over eight million bytes of speeches, with a branch that decays after each
quarter, half, one and two passes, so that one sweep gives L(N) at five lengths. All other rules are the
recipe of the study `epochs`. `gpu` is the same on novels for one GPU, `paper` has Kaplan's sizes. Tables and
verdicts: docs/results.md.
"""

import dataclasses

from quarry.experiments.epochs import cell
from quarry.experiments.kaplan_nd import CPU, GPU, Grid
from quarry.train.config.experiment import Experiment

PASSES = 4
U, GPU_U = 2**23, 2**25
"""Bytes, of the 10.7 million of the speeches and the 57 million of the novels."""


def point(d_model: int) -> Experiment:
    """One size on a CPU."""
    return _at(d_model, U, CPU)


def gpu_point(d_model: int) -> Experiment:
    """One size on a GPU."""
    return _at(d_model, GPU_U, GPU)


def _at(d_model: int, unique_tokens: int, grid: Grid) -> Experiment:
    """Without dropout, unlike the cells of the grid."""
    config = cell(d_model, unique_tokens, grid.corpus, most=PASSES, scale=grid.scale)
    return dataclasses.replace(config, evaluation=grid.evaluation)
