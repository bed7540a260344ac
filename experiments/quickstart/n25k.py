"""25 thousand parameters on 403 thousand tokens, and at each of three budgets of compute.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1); at equal compute one size has
the least (Hoffmann 2022, 2203.15556, approach 2).
Expected: at equal tokens a loss below that of 6 thousand; the least of four at the two larger budgets.
Command: quarry train experiments/quickstart/n25k.py
"""

from quarry.experiments.quickstart import BUDGETS, recipe

config = recipe(d_model=32, budgets=BUDGETS[1:])
