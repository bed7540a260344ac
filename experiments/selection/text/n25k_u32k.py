"""25 thousand parameters on 2^15 tokens of speeches, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/text/n25k_u32k.py
"""

from quarry.experiments.selection import TEXT, TEXT_RULES, cell, variants

config = cell(TEXT, "n25k", "u32k")
variants = variants(TEXT, "n25k", "u32k", TEXT_RULES)
