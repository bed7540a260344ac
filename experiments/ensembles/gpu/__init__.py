"""Ensembles on one GPU: 0.4, 1.6, 6.3 and 25 million parameters, each four times the one before, on novels.

U of 2^20 bytes with 1 to 32 passes, and of 2^22 with 1 to 8. As in the small study every size has two layers,
half the rate of one pass and weight decay 0.4, and 1.6 beside it for larger sizes. All is our choice.

Command: quarry sweep ensembles/gpu --workdir runs/ensembles --stack 4, where the folder `novels` is; then
quarry ensemble runs/ensembles/gpu and python -m quarry.experiments.ensembles
"""

import dataclasses

from quarry.experiments._scales import at_gpu
from quarry.experiments.ensembles import PASSES
from quarry.experiments.epochs import optimized
from quarry.train.config.experiment import BranchConfig, Duration, Experiment

MOST = {2**20: 32, 2**22: 8}
"""The most passes over U."""


def point(d_model: int, unique_tokens: int) -> Experiment:
    """One member: a trunk of the most passes over U, with branches of fewer."""
    *shorter, most = (k for k in PASSES if k <= MOST[unique_tokens])
    config = at_gpu(d_model, n_layers=2, n_heads=d_model // 64)
    own = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, unique_tokens=unique_tokens),
        duration=Duration(epochs=most),
        branches=BranchConfig(epochs=tuple(shorter)),
        schedule=dataclasses.replace(config.schedule, warmup_steps=20),
    )
    return optimized(own, learning_rate=config.optimizer.learning_rate / 2, weight_decay=0.4)
