"""Ensembles at the size of papers: 85 and 340 million parameters and 1.4 billion, each four times the last.

Schulman's sketch has no experiment: all is our choice, in the setup of Kaplan 2020. Every size has 12
layers; U is 2^30 tokens with 1 to 8 passes, and 2^34 with one.

Command: quarry sweep ensembles/paper --workdir runs/ensembles; what it costs is in docs/results.md.
"""

from quarry.experiments._scales import PAPER_WARMUP, at_paper, paper_model
from quarry.experiments.ensembles import PASSES
from quarry.experiments.epochs import optimized
from quarry.train.config.experiment import BranchConfig, Duration, Experiment, ScheduleConfig

MOST = {2**30: 8, 2**34: 1}
"""The most passes over U."""


def point(d_model: int, unique_tokens: int) -> Experiment:
    """One member: a trunk of the most passes over U, with branches of fewer."""
    *shorter, most = (k for k in PASSES if k <= MOST[unique_tokens])
    config = at_paper(
        paper_model(12, d_model),
        unique_tokens,
        duration=Duration(epochs=most),
        branches=BranchConfig(epochs=tuple(shorter)),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=PAPER_WARMUP // 10),
    )
    return optimized(config, weight_decay=0.4)
