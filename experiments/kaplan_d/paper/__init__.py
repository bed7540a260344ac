"""L(D) at the paper's size: 36 layers of 1,280 on 22 million to 22.9 billion tokens of C4.

The grid is the row of that size in `kaplan_nd/paper`, with its dropout and 50 evaluations, of which the least
is the loss (`quarry fit --mid-schedule`).

Command: quarry sweep kaplan_d/paper; what it costs is in docs/results.md.
"""

from quarry.experiments.kaplan_nd.paper import SUBSETS, on
from quarry.train.config.experiment import Experiment


def point(halvings: int) -> Experiment:
    """The size on the `halvings`-th of the subsets; one above them is all of the text."""
    return on(36, 1280, SUBSETS[halvings]) if halvings < len(SUBSETS) else on(36, 1280)
