"""85 million parameters on every modality.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/gpu/n85m.py
"""

from quarry.experiments.henighan.gpu import point, variants

config = point(768)
variants = variants(768)
