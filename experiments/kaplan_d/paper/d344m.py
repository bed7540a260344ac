"""708 million parameters on 344 million tokens.

Claim and expectation: see experiments/kaplan_d/__init__.py.
Command: quarry sweep experiments/kaplan_d/paper/d344m.py
"""

from quarry.experiments.kaplan_d.paper import point

config = point(4)
