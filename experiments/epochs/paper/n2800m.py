"""2.8 billion parameters over 55 billion tokens, of which 4 to 55 billion are different.

Claim and expectation: see experiments/epochs/__init__.py.
Command: quarry sweep experiments/epochs/paper/n2800m.py
"""

from quarry.experiments.epochs.paper import BILLION, point, subsets

config = point(34, 2560, 55 * BILLION, 55 * BILLION)
variants = subsets(config, (4, 9, 11, 14, 18, 28))
