"""492 million parameters on C4.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/paper/n492m.py
"""

from quarry.experiments.henighan.paper import point

config = point(n_layers=16, d_model=1600)
