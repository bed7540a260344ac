"""muP, width 4,096, 32 layers: one rate on 300 billion tokens.

Claim and expectation: see experiments/transfer/__init__.py.
Command: quarry sweep experiments/transfer/paper/mup_w4096.py
"""

from quarry.experiments.transfer.paper import point

config = point(d_model=4096, tokens=300 * 10**9)
