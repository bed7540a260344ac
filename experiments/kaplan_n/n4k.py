"""4 thousand parameters, four passes over eight million bytes.

Claim and expectation: see experiments/kaplan_n/__init__.py.
Command: quarry sweep experiments/kaplan_n/n4k.py
"""

from quarry.experiments.kaplan_n import point

config = point(d_model=12)
