"""98 thousand parameters on up to 2^19 tokens of a Markov source, each seen once.

Claim: as in experiments/epochs/worlds.
Expected: the lowest loss of this size at equal tokens.
Command: quarry sweep experiments/epochs/worlds/n98k_fresh.py
"""

from quarry.experiments.epochs import fresh
from quarry.experiments.epochs.worlds import CORPUS, SCALE

config = fresh(d_model=64, tokens=2**19, corpus=CORPUS, scale=SCALE)
