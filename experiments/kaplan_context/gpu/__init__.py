"""Context as sample efficiency on one GPU: 25 million parameters, contexts of 128, 512 and 2,048 bytes.

Batches of 2^15 tokens hold 16 of the longest contexts: in the small study four were too few. Branches decay
at 2^20 to 2^24 tokens. All is our choice.

Command: quarry sweep kaplan_context/gpu --workdir runs/kaplan_context, where the folder `novels` is; then
quarry points and python -m quarry.experiments.kaplan_context
"""

import dataclasses

from quarry.experiments._scales import at_gpu, replicated
from quarry.experiments.epochs import optimized
from quarry.train.config.experiment import BranchConfig, Experiment

D_MODEL, BATCH = 512, 2**15
BRANCHES = tuple(2**power for power in range(20, 25))


def point(context: int) -> Experiment:
    """The point of a context; the rate is that of the recipe, doubled for four times its batch."""
    config = at_gpu(D_MODEL, context=context)
    faster = optimized(config, learning_rate=2 * config.optimizer.learning_rate)
    schedule = dataclasses.replace(config.schedule, warmup_steps=10)
    return dataclasses.replace(
        faster, batch_tokens=BATCH, branches=BranchConfig(tokens=BRANCHES), schedule=schedule
    )


def variants(context: int) -> dict[str, Experiment]:
    """The same point by other seeds."""
    return replicated(point(context))
