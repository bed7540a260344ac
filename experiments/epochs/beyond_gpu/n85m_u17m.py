"""85 million parameters on 2^24 unique tokens: up to two passes.

Claim: the laws of the committed table disagree about this size (see beyond_gpu/__init__.py).
Expected: experiments/results/epochs/predictions_gpu.csv.
Command: quarry sweep experiments/epochs/beyond_gpu/n85m_u17m.py
"""

from quarry.experiments.epochs.beyond_gpu import point

config = point(d_model=768, unique_tokens=2**24, most=2)
