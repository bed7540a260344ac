"""201 million parameters on 2^26 unique tokens: up to 4 passes.

Claim: larger models get closer to the floor L*(U) in fewer passes (see experiments/epochs/__init__.py).
Expected: the losses of the branches fall with k; a larger model needs fewer passes.
Command: quarry sweep experiments/epochs/tpu/n201m_u67m.py
"""

from quarry.experiments.epochs import LARGE, cell
from quarry.experiments.epochs.tpu import CORPUS, on_slice

config = on_slice(cell(d_model=1024, unique_tokens=2**26, corpus=CORPUS, most=4, scale=LARGE))
