"""6 thousand parameters on the Markov source: the loss that the rules read.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/references/world_small.py
"""

from quarry.experiments.selection import WORLD
from quarry.experiments.selection.references import small

config = small(WORLD)
