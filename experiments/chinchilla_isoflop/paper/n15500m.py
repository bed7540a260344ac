"""15.5 billion parameters at every budget they reach on fresh text.

Claim and expectation: see experiments/chinchilla_isoflop/__init__.py.
Command: quarry sweep experiments/chinchilla_isoflop/paper/n15500m.py
"""

from quarry.experiments.chinchilla_isoflop import PAPER, point
from quarry.experiments.chinchilla_isoflop.paper import sharded

config = sharded(point(d_model=4352, ladder=PAPER))
