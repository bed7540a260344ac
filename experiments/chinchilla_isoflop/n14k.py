"""14 thousand parameters at every budget they reach on fresh text, from two seeds.

Claim and expectation: see experiments/chinchilla_isoflop/__init__.py.
Command: quarry sweep experiments/chinchilla_isoflop/n14k.py
"""

import quarry.experiments.chinchilla_isoflop as study

config = study.point(d_model=24)
variants = study.seeds(d_model=24)
