"""222 thousand parameters on a million bytes, and by other seeds and draws.

Claim and expectation: see experiments/kaplan_d/__init__.py.
Command: quarry sweep experiments/kaplan_d/d1m.py
"""

from quarry.experiments.kaplan_d import point, redrawn

config = point(unique_tokens=2**20)
variants = redrawn(config)
