"""1.6 million parameters in two layers on 2^16 unique tokens: one and two passes.

Claim: depth explains what 85 million in twelve layers did (see experiments/epochs/depth/__init__.py).
Expected: within 1.5% of the other depth of this N and U at the best of three rates.
Command: quarry sweep experiments/epochs/depth/n1m6_l2_u65k.py
"""

from quarry.experiments.epochs.depth import of_depth, tried

config = of_depth(d_model=256, layers=2, unique_tokens=2**16, most=2)
variants = tried(config)
