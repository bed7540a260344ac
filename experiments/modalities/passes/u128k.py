"""21 thousand parameters on 2^17 tokens of images of 8x8 pixels, for several numbers of passes.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/passes/u128k.py
"""

from quarry.experiments.modalities.passes import cell

config = cell("n21k", "u128k")
