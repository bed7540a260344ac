"""8.7 billion parameters over 178 billion tokens, of which 13 to 178 billion are different.

Claim and expectation: see experiments/epochs/__init__.py.
Command: quarry sweep experiments/epochs/paper/n8700m.py
"""

from quarry.experiments.epochs.paper import BILLION, point, subsets

config = point(42, 4096, 178 * BILLION, 178 * BILLION)
variants = subsets(config, (13, 25, 35, 44, 58, 88))
