"""221 thousand parameters on up to 2^24 tokens, each seen once: the baseline for repeats.

Claim: repeats are worth less than fresh tokens (Muennighoff 2023, 2305.16264).
Expected: the lowest loss of this size at equal tokens.
Command: quarry sweep experiments/epochs/cpu/n221k_fresh.py
"""

from quarry.experiments.epochs import fresh
from quarry.experiments.epochs.cpu import CORPUS

config = fresh(d_model=96, tokens=2**24, corpus=CORPUS)
