"""4 thousand parameters under one cosine over eight million bytes.

Claim and expectation: see experiments/kaplan_compute/__init__.py.
Command: quarry sweep experiments/kaplan_compute/n4k.py
"""

from quarry.experiments.kaplan_compute import point

config = point(d_model=12)
