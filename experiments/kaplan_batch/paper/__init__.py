"""The sweep of batches at the paper's sizes: 3 and 85 million parameters (Kaplan 2020, figures 10 and 18).

By eq. 1.4 B_crit is 2.7e5 tokens at a loss of 4 and 1.1e6 at 3: seven batches of 2^15 to 2^21 tokens lie
about it. Losses are read along the run (section 5.1). Batches, one pass of 2^34 tokens at each, and a rate
that grows as the root of the batch are our choice; shapes of 4 layers of 256 and 12 of 768 too.

Command: quarry sweep kaplan_batch/paper --workdir runs/kaplan_batch; what it costs is in docs/results.md.
"""

import math

from quarry.experiments._scales import PAPER_BATCH, at_paper, paper_model
from quarry.experiments.epochs import optimized
from quarry.train.config.experiment import Duration, EvaluationConfig, Experiment

TOKENS = 2**34
BATCHES = tuple(2**power for power in (15, 16, 17, 18, 20, 21))
"""Besides 2^19 tokens, the paper's."""


def base(n_layers: int, d_model: int, batch: int = PAPER_BATCH) -> Experiment:
    """One size at one batch, with a measurement of the loss at each halving of the run."""
    config = at_paper(
        paper_model(n_layers, d_model),
        duration=Duration(tokens=TOKENS),
        batch_tokens=batch,
        evaluation=EvaluationConfig(2**22, 2**22, count=12, noise_parts=8),
    )
    rate = config.optimizer.learning_rate * math.sqrt(batch / PAPER_BATCH)
    return optimized(config, learning_rate=rate)


def variants(n_layers: int, d_model: int) -> dict[str, Experiment]:
    """The same size at each other batch."""
    return {f"b{batch}": base(n_layers, d_model, batch) for batch in BATCHES}
