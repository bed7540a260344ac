"""25 million parameters on every modality.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/gpu/n25m.py
"""

from quarry.experiments.modalities.gpu import point, variants

config = point(512)
variants = variants(512)
