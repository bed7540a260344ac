"""0.9 million parameters on C4.

Claim and expectation: see experiments/henighan/__init__.py.
Command: quarry sweep experiments/henighan/paper/n885k.py
"""

from quarry.experiments.henighan.paper import point

config = point(n_layers=2, d_model=192)
