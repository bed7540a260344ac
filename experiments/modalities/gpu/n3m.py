"""3 million parameters on every modality.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/gpu/n3m.py
"""

from quarry.experiments.modalities.gpu import point, variants

config = point(256)
variants = variants(256)
