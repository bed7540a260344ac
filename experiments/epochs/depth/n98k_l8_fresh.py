"""99 thousand parameters in eight layers on fresh tokens: one pass over 2^16 to 2^22.

Claim: depth helps the more, the more tokens are processed (see experiments/epochs/depth/__init__.py).
Expected: at most 2% below the two layers of experiments/epochs/cpu/n98k_fresh.py at 2^22 tokens.
Command: quarry sweep experiments/epochs/depth/n98k_l8_fresh.py
"""

from quarry.experiments.epochs.depth import fresh_of_depth, tried

config = fresh_of_depth(d_model=32, layers=8, tokens=2**22)
variants = tried(config)
