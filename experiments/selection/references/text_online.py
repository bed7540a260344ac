"""25 thousand parameters on pieces of other speeches: what online:rho subtracts.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/references/text_online.py
"""

from quarry.experiments.selection import TEXT
from quarry.experiments.selection.references import online

config = online(TEXT)
