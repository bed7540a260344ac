"""49 million parameters by Kaplan's protocol, with a short warm-up, and at a small batch.

Claim and expectation: see experiments/porian/__init__.py.
Command: quarry sweep experiments/porian/gpu/n49m.py
"""

import quarry.experiments.porian as study

config = study.far(d_model=640, protocol=study.AT_GPU)
variants = study.variants(640, study.AT_GPU)
