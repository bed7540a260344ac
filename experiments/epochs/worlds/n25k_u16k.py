"""25 thousand parameters on 2^14 unique tokens of a Markov source: up to 32 passes, with two replicates.

Claim: as in experiments/epochs/worlds.
Expected: the loss comes down to the exact floor L*(U), or rises again before (overfitting).
Command: quarry sweep experiments/epochs/worlds/n25k_u16k.py
"""

from quarry.experiments.epochs import cell, replicates
from quarry.experiments.epochs.worlds import CORPUS, SCALE

config = cell(d_model=32, unique_tokens=2**14, corpus=CORPUS, most=32, scale=SCALE)
variants = {name: run for name, run in replicates(config).items() if name in ("init1", "draw1")}
