"""0.4 million parameters on every modality.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/gpu/n394k.py
"""

from quarry.experiments.henighan.gpu import point, variants

config = point(128)
variants = variants(128)
