"""99 thousand parameters on 2^16 tokens of a Markov source, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/world/n99k_u64k.py
"""

from quarry.experiments.selection import WORLD, WORLD_RULES, cell, variants

config = cell(WORLD, "n99k", "u64k")
variants = variants(WORLD, "n99k", "u64k", WORLD_RULES)
