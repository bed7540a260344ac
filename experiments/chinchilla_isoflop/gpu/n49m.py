"""49 million parameters at every budget they reach on fresh text.

Claim and expectation: see experiments/chinchilla_isoflop/__init__.py.
Command: quarry sweep experiments/chinchilla_isoflop/gpu/n49m.py
"""

from quarry.experiments.chinchilla_isoflop import GPU, point

config = point(d_model=640, ladder=GPU)
