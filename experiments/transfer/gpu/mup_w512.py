"""muP, width 512, two layers: nine rates.

Claim and expectation: see experiments/transfer/__init__.py.
Command: quarry sweep experiments/transfer/gpu/mup_w512.py
"""

import quarry.experiments.transfer.gpu as study

config = study.point("mup", d_model=512)
variants = study.variants("mup", d_model=512)
