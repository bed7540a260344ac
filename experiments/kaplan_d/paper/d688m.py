"""708 million parameters on 688 million tokens.

Claim and expectation: see experiments/kaplan_d/__init__.py.
Command: quarry sweep experiments/kaplan_d/paper/d688m.py
"""

from quarry.experiments.kaplan_d.paper import point

config = point(5)
