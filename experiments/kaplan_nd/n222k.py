"""222 thousand parameters on 16 thousand to 4 million bytes, the least of it read up to 32 times.

Claim and expectation: see experiments/kaplan_nd/__init__.py.
Command: quarry sweep experiments/kaplan_nd/n222k.py
"""

from quarry.experiments.kaplan_nd import point, subsets

config = point(d_model=96)
variants = subsets(d_model=96)
