"""Width 16 at the recipe's learning rate and at four multiples of it.

Claim: the recipe's rate, 0.3 / d_model, is within a factor of two of the best.
Expected: a shallow minimum of the validation loss around the recipe's rate.
Command: quarry sweep experiments/rates/w16.py
"""

import quarry.experiments.rates as study

config = study.base(16)
variants = study.variants(16)
