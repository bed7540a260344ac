"""The models that score text for the rules of the study `selection`; see its docstring.

Command: quarry sweep selection/references
"""

from quarry.experiments.selection import recipe
from quarry.train.config.experiment import CheckpointConfig, DataConfig, Duration, Experiment

SMALL_TOKENS, HELD_OUT_TOKENS, EARLY = 2**19, 2**20, 2**17


def small(corpus: str) -> Experiment:
    """6 thousand parameters after one pass over 2^19 tokens, with a checkpoint after 2^17: loss, progress."""
    return recipe(
        16,
        DataConfig(corpus, unique_tokens=SMALL_TOKENS),
        Duration(epochs=1),
        checkpoint=CheckpointConfig(at_tokens=(EARLY,)),
    )


def held_out(corpus: str) -> Experiment:
    """25 thousand parameters after one pass over 2^20 other tokens: what rho subtracts."""
    return recipe(32, DataConfig(corpus, unique_tokens=HELD_OUT_TOKENS, draw=1), Duration(epochs=1))


def online(corpus: str) -> Experiment:
    """The same on pieces that no run of the study reads: what the rule online:rho subtracts."""
    data = DataConfig(corpus, unique_tokens=HELD_OUT_TOKENS, draw=1, selection="pieces")
    return recipe(32, data, Duration(epochs=1))
