"""3.1 billion parameters on C4.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/paper/n3120m.py
"""

from quarry.experiments.henighan.paper import point

config = point(n_layers=30, d_model=2944)
