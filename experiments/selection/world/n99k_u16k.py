"""99 thousand parameters on 2^14 tokens of a Markov source, by every rule.

Claim and expectation: see experiments/selection/__init__.py.
Command: quarry sweep experiments/selection/world/n99k_u16k.py
"""

from quarry.experiments.selection import WORLD, WORLD_RULES, cell, variants

config = cell(WORLD, "n99k", "u16k")
variants = variants(WORLD, "n99k", "u16k", WORLD_RULES)
