"""2 thousand parameters on every modality, for 2^17 to 2^20 tokens.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/n2k.py
"""

from quarry.experiments.henighan import point, variants

config = point("n2k")
variants = variants("n2k")
