"""21 thousand parameters on 2^15 tokens of images of 8x8 pixels, for several numbers of passes.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/passes/u32k.py
"""

from quarry.experiments.henighan.passes import cell

config = cell("n21k", "u32k")
