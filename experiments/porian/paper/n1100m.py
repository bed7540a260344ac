"""1.1 billion parameters by Kaplan's protocol, with a short warm-up, and at a small batch.

Claim and expectation: see experiments/porian/__init__.py.
Command: quarry sweep experiments/porian/paper/n1100m.py
"""

import quarry.experiments.porian as study
from quarry.experiments.chinchilla_isoflop.paper import sharded

config = sharded(study.far(d_model=1792, protocol=study.AT_PAPER))
variants = {name: sharded(each) for name, each in study.variants(1792, study.AT_PAPER).items()}
