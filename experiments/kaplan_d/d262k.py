"""222 thousand parameters on 262 thousand bytes, and by other seeds and draws.

Claim and expectation: see experiments/kaplan_d/__init__.py.
Command: quarry sweep experiments/kaplan_d/d262k.py
"""

from quarry.experiments.kaplan_d import point, redrawn

config = point(unique_tokens=2**18)
variants = redrawn(config)
