"""98 thousand parameters on 2^18 tokens: a point of the token ladder at 98 thousand parameters.

Claim: the loss falls as a power of tokens at equal N (Hoffmann 2022, eq. 2).
Expected: below every smaller size and every shorter run of its size.
Command: quarry train experiments/quickstart/n98k_256k.py
"""

from experiments.quickstart import recipe

config = recipe(d_model=64, n_layers=2, tokens=2**18)
