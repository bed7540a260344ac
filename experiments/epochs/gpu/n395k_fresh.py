"""395 thousand parameters on up to 2^29 tokens, each seen once: the baseline for repeats.

Claim: repeats are worth less than fresh tokens (Muennighoff 2023, 2305.16264).
Expected: the lowest loss of this size at equal tokens.
Command: quarry sweep experiments/epochs/gpu/n395k_fresh.py
"""

from quarry.experiments.epochs import LARGE, fresh
from quarry.experiments.epochs.gpu import CORPUS

config = fresh(d_model=128, tokens=2**29, corpus=CORPUS, scale=LARGE)
