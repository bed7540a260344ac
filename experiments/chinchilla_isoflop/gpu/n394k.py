"""0.4 million parameters at every budget they reach on fresh text.

Claim and expectation: see experiments/chinchilla_isoflop/__init__.py.
Command: quarry sweep experiments/chinchilla_isoflop/gpu/n394k.py
"""

from quarry.experiments.chinchilla_isoflop import GPU, point

config = point(d_model=128, ladder=GPU)
