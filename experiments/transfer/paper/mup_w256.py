"""muP, width 256, 32 layers: nine rates on 4 billion tokens.

Claim and expectation: see experiments/transfer/__init__.py.
Command: quarry sweep experiments/transfer/paper/mup_w256.py
"""

import quarry.experiments.transfer.paper as study

config = study.point(d_model=256, tokens=4 * 10**9)
variants = study.variants(d_model=256, tokens=4 * 10**9)
