"""21 thousand parameters on 2^14 tokens of images of 8x8 pixels, for several numbers of passes.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/passes/u16k.py
"""

from quarry.experiments.henighan.passes import cell

config = cell("n21k", "u16k")
