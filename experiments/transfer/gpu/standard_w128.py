"""Without muP, width 128, two layers: nine rates.

Claim and expectation: see experiments/transfer/__init__.py.
Command: quarry sweep experiments/transfer/gpu/standard_w128.py
"""

import quarry.experiments.transfer.gpu as study

config = study.point("standard", d_model=128)
variants = study.variants("standard", d_model=128)
