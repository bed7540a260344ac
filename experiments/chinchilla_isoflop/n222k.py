"""222 thousand parameters at every budget they reach on fresh text.

Claim and expectation: see experiments/chinchilla_isoflop/__init__.py.
Command: quarry sweep experiments/chinchilla_isoflop/n222k.py
"""

from quarry.experiments.chinchilla_isoflop import point

config = point(d_model=96)
