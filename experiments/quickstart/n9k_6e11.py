"""9 thousand parameters at 6e11 FLOPs: one of four sizes at equal compute.

Claim: at equal compute one size between them has the least loss (Hoffmann 2022, 2203.15556, approach 2).
Expected: a loss above that of 37 thousand parameters: too small for the budget.
Command: quarry train experiments/quickstart/n9k_6e11.py
"""

from quarry.experiments.quickstart import recipe

config = recipe(d_model=16, flops=6e11)
