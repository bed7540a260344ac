"""98 thousand parameters on 2^18 unique tokens of a Markov source: up to 8 passes.

Claim: as in experiments/epochs/worlds.
Expected: the loss comes down to the exact floor L*(U), or rises again before (overfitting).
Command: quarry sweep experiments/epochs/worlds/n98k_u262k.py
"""

from quarry.experiments.epochs import cell
from quarry.experiments.epochs.worlds import CORPUS, SCALE

config = cell(d_model=64, unique_tokens=2**18, corpus=CORPUS, most=8, scale=SCALE)
