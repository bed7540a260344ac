"""1.6 thousand parameters by Kaplan's protocol, with a short warm-up, and at a small batch.

Claim and expectation: see experiments/porian/__init__.py.
Command: quarry sweep experiments/porian/n2k.py
"""

import quarry.experiments.porian as study

config = study.far(d_model=8)
variants = study.variants(d_model=8)
