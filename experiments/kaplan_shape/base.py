"""The shape that the others are compared with, by three seeds.

Claim and expectation: see experiments/kaplan_shape/__init__.py.
Command: quarry sweep experiments/kaplan_shape/base.py
"""

import quarry.experiments.kaplan_shape as study

config = study.point(study.BASE)
variants = {f"seed{seed}": study.point(study.BASE, seed) for seed in study.SEEDS}
