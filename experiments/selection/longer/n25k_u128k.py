"""25 thousand parameters on 2^17 tokens of speeches for 16 passes, without choosing and online.

Claim and expectation: see experiments/selection/longer/__init__.py.
Command: quarry sweep experiments/selection/longer/n25k_u128k.py
"""

from quarry.experiments.selection.longer import longer, variants

config = longer("n25k")
variants = variants("n25k")
