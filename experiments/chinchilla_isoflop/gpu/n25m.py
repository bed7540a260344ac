"""25 million parameters at every budget they reach on fresh text.

Claim and expectation: see experiments/chinchilla_isoflop/__init__.py.
Command: quarry sweep experiments/chinchilla_isoflop/gpu/n25m.py
"""

from quarry.experiments.chinchilla_isoflop import GPU, point

config = point(d_model=512, ladder=GPU)
