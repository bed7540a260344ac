"""83 thousand parameters on every modality, for 2^17 to 2^18 tokens.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/n83k.py
"""

from quarry.experiments.modalities import point, variants

config = point("n83k")
variants = variants("n83k")
