"""25 thousand parameters on 2^19 tokens: a point of the token ladder at 25 thousand parameters.

Claim: the loss falls as a power of tokens at equal N (Hoffmann 2022, eq. 2).
Expected: below every smaller size and every shorter run of its size.
Command: quarry train experiments/quickstart/n25k_512k.py
"""

from experiments.quickstart import recipe

config = recipe(d_model=32, n_layers=2, tokens=2**19)
