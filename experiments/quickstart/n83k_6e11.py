"""83 thousand parameters at 6e11 FLOPs: one of four sizes at equal compute.

Claim: at equal compute one size between them has the least loss (Hoffmann 2022, 2203.15556, approach 2).
Expected: a loss above that of 37 thousand parameters: too few tokens for the size.
Command: quarry train experiments/quickstart/n83k_6e11.py
"""

from quarry.experiments.quickstart import recipe

config = recipe(d_model=48, flops=6e11)
