"""333 thousand parameters on 896 thousand tokens: one of six sizes at equal tokens.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1).
Expected: a loss below every smaller size at equal tokens.
Command: quarry train experiments/quickstart/n333k_896k.py
"""

from quarry.experiments.quickstart import TOKENS, recipe

config = recipe(d_model=96, tokens=TOKENS)
