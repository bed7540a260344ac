"""708 million parameters on 22 million tokens.

Claim and expectation: see experiments/kaplan_d/__init__.py.
Command: quarry sweep experiments/kaplan_d/paper/d22m.py
"""

from quarry.experiments.kaplan_d.paper import point

config = point(0)
