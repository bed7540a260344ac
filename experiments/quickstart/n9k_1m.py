"""9 thousand parameters on 2^20 tokens: a point of the six sizes at equal tokens.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1).
Expected: the highest loss of the sizes at 2^20 tokens.
Command: quarry train experiments/quickstart/n9k_1m.py
"""

from quarry.experiments.quickstart import recipe

config = recipe(d_model=16, tokens=2**20)
