"""Rates: a search for the learning rate of the quickstart recipe at three widths (`transfer` compares muP).

Claim: with rate = c / d_model, one constant c suits every width (the muP rule, 2203.03466).
Expected: the best c is the same, within a factor of two, at widths 16, 64 and 128.
Command: quarry sweep rates
"""

import dataclasses

from quarry.experiments.quickstart import recipe
from quarry.train.config.experiment import Experiment

TOKENS = 2**19
FACTORS = {"quarter": 0.25, "half": 0.5, "double": 2.0, "fourfold": 4.0}


def base(d_model: int) -> Experiment:
    """The quickstart recipe at this width, on half a million tokens."""
    return recipe(d_model, TOKENS)


def variants(d_model: int) -> dict[str, Experiment]:
    """The same point at multiples of the recipe's rate."""
    config = base(d_model)
    rate = config.optimizer.learning_rate
    return {
        name: dataclasses.replace(
            config, optimizer=dataclasses.replace(config.optimizer, learning_rate=factor * rate)
        )
        for name, factor in FACTORS.items()
    }
