"""99 thousand parameters on 2^15 tokens of a Markov source, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/world/n99k_u32k.py
"""

from quarry.experiments.selection import WORLD, WORLD_RULES, cell, variants

config = cell(WORLD, "n99k", "u32k")
variants = variants(WORLD, "n99k", "u32k", WORLD_RULES)
