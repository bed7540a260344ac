"""99 thousand parameters on 2^14 tokens of speeches, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/text/n99k_u16k.py
"""

from quarry.experiments.selection import TEXT, TEXT_RULES, cell, variants

config = cell(TEXT, "n99k", "u16k")
variants = variants(TEXT, "n99k", "u16k", TEXT_RULES)
