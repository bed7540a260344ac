"""L(D) of images of 8x8 pixels: few of them, read up to 32 times, or until 2^20 tokens are read.

Command: quarry sweep henighan/passes
"""

from itertools import count, takewhile

from quarry.experiments.henighan import MODALITIES, recipe
from quarry.train.config.experiment import BranchConfig, Experiment

MOST_TOKENS, MOST_PASSES, FEWEST_TOKENS, FEWEST_PASSES = 2**20, 32, 2**16, 4
UNIQUE = {f"u{2**power // 1024}k": 2**power for power in range(13, 18)}


def cell(size: str, unique: str) -> Experiment:
    """The point of a size on U tokens, with a branch at each half of its length down to 4 passes."""
    tokens = UNIQUE[unique]
    longest, fewest = min(MOST_TOKENS, MOST_PASSES * tokens), max(FEWEST_TOKENS, FEWEST_PASSES * tokens)
    halves = takewhile(lambda tokens: tokens >= fewest, (longest >> half for half in count(1)))
    return recipe(MODALITIES["pixels8"], size, longest, BranchConfig(tokens=tuple(halves)), tokens)
