"""Without muP, width 512, two layers: nine rates.

Claim and expectation: see experiments/transfer/__init__.py.
Command: quarry sweep experiments/transfer/gpu/standard_w512.py
"""

import quarry.experiments.transfer.gpu as study

config = study.point("standard", d_model=512)
variants = study.variants("standard", d_model=512)
