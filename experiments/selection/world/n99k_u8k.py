"""99 thousand parameters on 2^13 tokens of a Markov source, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/world/n99k_u8k.py
"""

from quarry.experiments.selection import WORLD, WORLD_RULES, cell, variants

config = cell(WORLD, "n99k", "u8k")
variants = variants(WORLD, "n99k", "u8k", WORLD_RULES)
