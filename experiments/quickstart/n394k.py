"""394 thousand parameters on 403 thousand tokens: one of six sizes at equal tokens.

Claim: the loss falls as a power of N at equal tokens (Kaplan 2020, eq. 1.1).
Expected: the lowest loss of the six.
Command: quarry train experiments/quickstart/n394k.py
"""

from quarry.experiments.quickstart import recipe

config = recipe(d_model=128)
