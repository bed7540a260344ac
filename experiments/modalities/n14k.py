"""14 thousand parameters on every modality, for 2^17 to 2^18 tokens.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/n14k.py
"""

from quarry.experiments.modalities import point, variants

config = point("n14k")
variants = variants("n14k")
