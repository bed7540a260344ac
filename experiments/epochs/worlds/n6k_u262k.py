"""6 thousand parameters on 2^18 unique tokens of a Markov source: up to 8 passes.

Claim: as in experiments/epochs/worlds.
Expected: a loss above the floor after any number of passes: fewer parameters than the source has.
Command: quarry sweep experiments/epochs/worlds/n6k_u262k.py
"""

from quarry.experiments.epochs import cell
from quarry.experiments.epochs.worlds import CORPUS, SCALE

config = cell(d_model=16, unique_tokens=2**18, corpus=CORPUS, most=8, scale=SCALE)
