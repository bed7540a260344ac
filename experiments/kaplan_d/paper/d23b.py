"""708 million parameters on 22.9 billion tokens.

Claim and expectation: see experiments/kaplan_d/__init__.py.
Command: quarry sweep experiments/kaplan_d/paper/d23b.py
"""

from quarry.experiments.kaplan_d.paper import point

config = point(7)
