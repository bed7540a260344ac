"""85 million parameters on C4, read along 250 thousand steps.

Claim and expectation: see experiments/kaplan_compute/__init__.py.
Command: quarry sweep experiments/kaplan_compute/paper/n85m.py
"""

from quarry.experiments.kaplan_compute.paper import point

config = point(12, 768)
