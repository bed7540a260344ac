"""221 thousand parameters on 2^20 tokens: a point of the five sizes at equal tokens.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1).
Expected: below every smaller size and every shorter run of its size.
Command: quarry train experiments/quickstart/n221k_1m.py
"""

from experiments.quickstart import recipe

config = recipe(d_model=96, n_layers=2, tokens=2**20)
