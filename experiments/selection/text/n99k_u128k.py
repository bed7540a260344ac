"""99 thousand parameters on 2^17 tokens of speeches, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/text/n99k_u128k.py
"""

from quarry.experiments.selection import TEXT, TEXT_RULES, cell, variants

config = cell(TEXT, "n99k", "u128k")
variants = variants(TEXT, "n99k", "u128k", TEXT_RULES)
