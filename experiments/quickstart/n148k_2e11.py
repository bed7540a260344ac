"""148 thousand parameters at 2e11 FLOPs: one of four sizes at equal compute.

Claim: at equal compute one size between them has the least loss (Hoffmann 2022, 2203.15556, approach 2).
Expected: the highest loss at this budget: too few tokens for the size.
Command: quarry train experiments/quickstart/n148k_2e11.py
"""

from quarry.experiments.quickstart import recipe

config = recipe(d_model=64, flops=2e11)
