"""25 thousand parameters on other speeches: what rho subtracts.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/references/text_held_out.py
"""

from quarry.experiments.selection import TEXT
from quarry.experiments.selection.references import held_out

config = held_out(TEXT)
