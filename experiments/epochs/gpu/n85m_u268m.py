"""85 million parameters on 2^28 unique tokens: up to 2 passes.

Claim: larger models get closer to the floor L*(U) in fewer passes (see experiments/epochs/__init__.py).
Expected: the losses of the branches fall with k; a larger model needs fewer passes.
Command: quarry sweep experiments/epochs/gpu/n85m_u268m.py
"""

from quarry.experiments.epochs import LARGE, cell
from quarry.experiments.epochs.gpu import CORPUS

config = cell(d_model=768, unique_tokens=2**28, corpus=CORPUS, most=2, scale=LARGE)
