"""6 thousand parameters on up to 2^20 tokens of speeches, each seen once.

Claim: as in experiments/epochs/cpu.
Expected: the lowest loss of this size at equal tokens.
Command: quarry sweep experiments/epochs/smoke/n6k_fresh.py
"""

from quarry.experiments.epochs import fresh
from quarry.experiments.epochs.smoke import CORPUS

config = fresh(d_model=16, tokens=2**20, corpus=CORPUS)
