"""492 million parameters on C4.

Claim and expectation: see experiments/modalities/__init__.py.
Command: quarry sweep experiments/modalities/paper/n492m.py
"""

from quarry.experiments.modalities.paper import point

config = point(n_layers=16, d_model=1600)
