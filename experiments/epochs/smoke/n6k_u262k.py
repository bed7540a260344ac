"""6 thousand parameters on 2^18 unique tokens of speeches: up to 8 passes.

Claim: as in experiments/epochs/cpu.
Expected: as in experiments/epochs/cpu, with more noise.
Command: quarry sweep experiments/epochs/smoke/n6k_u262k.py
"""

from quarry.experiments.epochs import cell
from quarry.experiments.epochs.smoke import CORPUS

config = cell(d_model=16, unique_tokens=2**18, corpus=CORPUS, most=8)
