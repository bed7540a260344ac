"""6 thousand parameters on 403 thousand tokens, and at each of three budgets of compute.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1); at equal compute one size has
the least (Hoffmann 2022, 2203.15556, approach 2).
Expected: the highest loss at equal tokens; at equal compute the least at the smallest budget only.
Command: quarry train experiments/quickstart/n6k.py
"""

from quarry.experiments.quickstart import BUDGETS, recipe

config = recipe(d_model=16, budgets=BUDGETS)
