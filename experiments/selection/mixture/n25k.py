"""25 thousand parameters on 2^20 tokens of speeches and Python.

Claim and expectation: see experiments/selection/mixture/__init__.py.
Command: quarry sweep experiments/selection/mixture/n25k.py
"""

from quarry.experiments.selection.mixture import mixed

config = mixed(32)
