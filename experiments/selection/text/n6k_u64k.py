"""6 thousand parameters on 2^16 tokens of speeches, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/text/n6k_u64k.py
"""

from quarry.experiments.selection import TEXT, TEXT_RULES, cell, variants

config = cell(TEXT, "n6k", "u64k")
variants = variants(TEXT, "n6k", "u64k", TEXT_RULES)
