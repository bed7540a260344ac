"""6 thousand parameters on 2^16 unique tokens of speeches: up to 8 passes.

Claim: as in experiments/epochs/cpu.
Expected: as in experiments/epochs/cpu, with more noise.
Command: quarry sweep experiments/epochs/smoke/n6k_u65k.py
"""

from quarry.experiments.epochs import cell, replicates
from quarry.experiments.epochs.smoke import CORPUS

config = cell(d_model=16, unique_tokens=2**16, corpus=CORPUS, most=8)
variants = replicates(config)
