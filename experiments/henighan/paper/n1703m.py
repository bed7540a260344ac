"""1.7 billion parameters on C4.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/paper/n1703m.py
"""

from quarry.experiments.henighan.paper import point

config = point(n_layers=24, d_model=2432)
