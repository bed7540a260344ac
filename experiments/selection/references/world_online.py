"""25 thousand parameters on other pieces of the Markov source: what online:rho subtracts.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/references/world_online.py
"""

from quarry.experiments.selection import WORLD
from quarry.experiments.selection.references import online

config = online(WORLD)
