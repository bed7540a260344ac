"""37 thousand parameters on 2^20 tokens: a point of the six sizes at equal tokens.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1).
Expected: a loss below every smaller size at equal tokens and every shorter run of this size.
Command: quarry train experiments/quickstart/n37k_1m.py
"""

from quarry.experiments.quickstart import recipe

config = recipe(d_model=32, tokens=2**20)
