"""56 thousand parameters on 403 thousand tokens, and at each of three budgets of compute.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1); at equal compute one size has
the least (Hoffmann 2022, 2203.15556, approach 2).
Expected: at equal tokens a loss below every smaller size; at equal compute above that of 25 thousand.
Command: quarry train experiments/quickstart/n56k.py
"""

from quarry.experiments.quickstart import BUDGETS, recipe

config = recipe(d_model=48, budgets=BUDGETS)
