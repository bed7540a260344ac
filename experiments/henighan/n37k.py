"""37 thousand parameters on every modality, for 2^17 to 2^18 tokens.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/n37k.py
"""

from quarry.experiments.henighan import point, variants

config = point("n37k")
variants = variants("n37k")
