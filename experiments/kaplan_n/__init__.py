"""L(N) near convergence: every size on the same text until more steps hardly help.

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

from quarry.experiments._scales import GPU as GPU_SCALE
from quarry.experiments.epochs import SMALL, Scale, cell
from quarry.experiments.epochs.cpu import CORPUS as NOVELS
from quarry.train.config.experiment import EvaluationConfig, Experiment

PASSES = 4
U = 2**23
"""Bytes; the speeches have 10.7 million."""
GPU_U = 2**25
"""Of 57 million bytes of novels."""
EVALUATION = EvaluationConfig(validation_tokens=65_536, test_tokens=16_384)
GPU_EVALUATION = EvaluationConfig(validation_tokens=2**20, test_tokens=2**18)


def point(d_model: int) -> Experiment:
    """One size on a CPU."""
    return _at(d_model, "sotu", U, SMALL, EVALUATION)


def gpu_point(d_model: int) -> Experiment:
    """One size on a GPU."""
    return _at(d_model, NOVELS, GPU_U, GPU_SCALE, GPU_EVALUATION)


def _at(d_model: int, corpus: str, u: int, scale: Scale, evaluation: EvaluationConfig) -> Experiment:
    return dataclasses.replace(cell(d_model, u, corpus, most=PASSES, scale=scale), evaluation=evaluation)
