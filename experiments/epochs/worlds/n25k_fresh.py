"""25 thousand parameters on up to 2^22 tokens of a Markov source, each seen once.

Claim: as in experiments/epochs/worlds.
Expected: the lowest loss of this size at equal tokens.
Command: quarry sweep experiments/epochs/worlds/n25k_fresh.py
"""

from quarry.experiments.epochs import fresh
from quarry.experiments.epochs.worlds import CORPUS, SCALE

config = fresh(d_model=32, tokens=2**22, corpus=CORPUS, scale=SCALE)
