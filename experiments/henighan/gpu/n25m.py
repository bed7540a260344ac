"""25 million parameters on every modality.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/gpu/n25m.py
"""

from quarry.experiments.henighan.gpu import point, variants

config = point(512)
variants = variants(512)
