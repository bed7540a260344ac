"""393 thousand parameters on 2^20 unique tokens: up to 32 passes.

Claim: larger models get closer to the floor L*(U) in fewer passes (see experiments/epochs/__init__.py).
Expected: the losses of the branches fall with k; a larger model needs fewer passes.
Command: quarry sweep experiments/epochs/cpu/n393k_u1m.py
"""

from quarry.experiments.epochs import cell, remedies
from quarry.experiments.epochs.cpu import CORPUS

config = cell(d_model=128, unique_tokens=2**20, corpus=CORPUS)
variants = remedies(config)
