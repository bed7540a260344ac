"""6 thousand parameters on speeches: the loss that the rules read.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/references/text_small.py
"""

from quarry.experiments.selection import TEXT
from quarry.experiments.selection.references import small

config = small(TEXT)
