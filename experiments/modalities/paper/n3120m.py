"""3.1 billion parameters on C4.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/paper/n3120m.py
"""

from quarry.experiments.modalities.paper import point

config = point(n_layers=30, d_model=2944)
