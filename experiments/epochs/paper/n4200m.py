"""4.2 billion parameters over 84 billion tokens, of which 12 to 84 billion are different.

Claim and expectation: see experiments/epochs/__init__.py.
Command: quarry sweep experiments/epochs/paper/n4200m.py
"""

from quarry.experiments.epochs.paper import BILLION, point, subsets

config = point(36, 3072, 84 * BILLION, 84 * BILLION)
variants = subsets(config, (12, 17, 21, 28, 42))
