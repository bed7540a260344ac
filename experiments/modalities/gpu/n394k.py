"""0.4 million parameters on every modality.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/gpu/n394k.py
"""

from quarry.experiments.modalities.gpu import point, variants

config = point(128)
variants = variants(128)
