"""CompleteP, width 16, 8 layers: nine rates.

Claim and expectation: see experiments/transfer/__init__.py.
Command: quarry sweep experiments/transfer/completep_l8.py
"""

import quarry.experiments.transfer as study

config = study.config("completep", d_model=16, n_layers=8)
variants = study.variants("completep", d_model=16, n_layers=8)
