"""Contexts of 2,048 bytes, by three seeds.

Claim and expectation: see experiments/kaplan_context/__init__.py.
Command: quarry sweep experiments/kaplan_context/gpu/t2048.py --workdir runs/kaplan_context
"""

import quarry.experiments.kaplan_context.gpu as study

config = study.point(2048)
variants = study.variants(2048)
