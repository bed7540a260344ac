"""25 thousand parameters on 2^13 tokens of speeches, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/text/n25k_u8k.py
"""

from quarry.experiments.selection import TEXT, TEXT_RULES, cell, variants

config = cell(TEXT, "n25k", "u8k")
variants = variants(TEXT, "n25k", "u8k", TEXT_RULES)
