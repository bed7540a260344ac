"""222 thousand parameters on 403 thousand tokens: one of six sizes at equal tokens.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1).
Expected: a loss below every smaller size.
Command: quarry train experiments/quickstart/n222k.py
"""

from quarry.experiments.quickstart import recipe

config = recipe(d_model=96)
