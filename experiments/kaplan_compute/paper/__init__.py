"""L(C) at the paper's sizes: 0.4 million to 1.5 billion parameters on C4, read at 50 of 250 thousand steps.

These are the runs of `kaplan_n/paper`, evaluated along the way (`quarry fit --mid-schedule`).

Command: quarry sweep kaplan_compute/paper; what it costs is in docs/results.md.
"""

from quarry.experiments._scales import at_paper, paper_model
from quarry.train.config.experiment import EvaluationConfig, Experiment


def point(n_layers: int, d_model: int) -> Experiment:
    """One size."""
    return at_paper(paper_model(n_layers, d_model), evaluation=EvaluationConfig(2**22, 2**22, count=50))
