"""25 thousand parameters on 2^22 unique tokens: up to 16 passes.

Claim: larger models get closer to the floor L*(U) in fewer passes (see experiments/epochs/__init__.py).
Expected: the losses of the branches fall with k; a larger model needs fewer passes.
Command: quarry sweep experiments/epochs/cpu/n25k_u4m.py
"""

from quarry.experiments.epochs import cell
from quarry.experiments.epochs.cpu import CORPUS

config = cell(d_model=32, unique_tokens=2**22, corpus=CORPUS, most=16)
