"""148 thousand parameters on 2^18 tokens: a point of the token ladder of this size.

Claim: the loss falls as a power of tokens at equal N (Hoffmann 2022, 2203.15556).
Expected: a loss below every smaller size at equal tokens and every shorter run of this size.
Command: quarry train experiments/quickstart/n148k_256k.py
"""

from quarry.experiments.quickstart import recipe

config = recipe(d_model=64, tokens=2**18)
