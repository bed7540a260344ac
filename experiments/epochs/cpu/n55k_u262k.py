"""55 thousand parameters on 2^18 unique tokens: up to 32 passes.

Claim: larger models get closer to the floor L*(U) in fewer passes (see experiments/epochs/__init__.py).
Expected: the losses of the branches fall with k; a larger model needs fewer passes.
Command: quarry sweep experiments/epochs/cpu/n55k_u262k.py
"""

from quarry.experiments.epochs import cell, remedies
from quarry.experiments.epochs.cpu import CORPUS

config = cell(d_model=48, unique_tokens=2**18, corpus=CORPUS)
variants = remedies(config)
