"""6 thousand parameters on 2^20 unique tokens of a Markov source: up to 4 passes.

Claim: as in experiments/epochs/worlds.
Expected: a loss above the floor after any number of passes: fewer parameters than the source has.
Command: quarry sweep experiments/epochs/worlds/n6k_u1m.py
"""

from quarry.experiments.epochs import cell
from quarry.experiments.epochs.worlds import CORPUS, SCALE

config = cell(d_model=16, unique_tokens=2**20, corpus=CORPUS, most=4, scale=SCALE)
