"""Without muP, width 32, two layers: nine rates.

Claim and expectation: see experiments/transfer/__init__.py.
Command: quarry sweep experiments/transfer/standard_w32.py
"""

import quarry.experiments.transfer as study

config = study.config("standard", d_model=32)
variants = study.variants("standard", d_model=32)
