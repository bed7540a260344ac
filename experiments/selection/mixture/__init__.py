"""A mixture of speeches and Python, half of the bytes each, and the weights that a small model's loss gives.

Claim (a reply to the essay; DoReMi, 2305.10429): sources that surprise a small model should be read more.
Expected, before any loss was measured: by the loss alone the weights hardly move (both sources have about 2.6
bits per byte); by the excess over a larger model they move to the source of which more can be learnt. The
mean of the two losses of 25 thousand parameters changes by less than 1%.
Commands, with the mixtures that `quarry data mix` prints as MIX:
    quarry sweep selection/mixture
    quarry data mix runs/mixture/n6k
    quarry data mix runs/mixture/n6k --less runs/mixture/n25k
    quarry train experiments/selection/mixture/n25k.py --data.corpus MIX --name n25k-by-loss
"""

import dataclasses

from quarry.experiments.selection import recipe
from quarry.train.config.experiment import DataConfig, Duration, Experiment

MIXTURE = "mix:sotu=0.5+stdlib=0.5"
SOURCES = (("sotu", "sotu"), ("stdlib", "stdlib"))


def mixed(d_model: int) -> Experiment:
    """One pass over 2^20 tokens of the mixture; each source is scored by itself."""
    config = recipe(d_model, DataConfig(MIXTURE, unique_tokens=2**20), Duration(epochs=1))
    return dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, also=SOURCES))
