"""Members of ensembles: 394 thousand parameters by five seeds, for the floor of ensembles at this size.

The recipe is that of the table. k is at most 8: after more passes such a model overfits at these U.

Trained: the four variants on 2^16 tokens, not those on 2^18.

Command: quarry sweep epochs/averaged, then quarry ensemble epochs/averaged --output averaged.parquet
"""

import dataclasses

from quarry.train.config.experiment import Experiment

PASSES = 8
SEEDS = (1, 2, 3, 4)


def members(config: Experiment) -> dict[str, Experiment]:
    """The same cell with other initial parameters and another order, alike otherwise."""
    return {f"seed{seed}": dataclasses.replace(config, seed_init=seed, seed_order=seed) for seed in SEEDS}
