"""21 thousand parameters on every modality, for 2^17 to 2^20 tokens.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/n21k.py
"""

from quarry.experiments.modalities import point, variants

config = point("n21k")
variants = variants("n21k")
