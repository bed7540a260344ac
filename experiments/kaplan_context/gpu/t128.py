"""Contexts of 128 bytes, by three seeds.

Claim and expectation: see experiments/kaplan_context/__init__.py.
Command: quarry sweep experiments/kaplan_context/gpu/t128.py --workdir runs/kaplan_context
"""

import quarry.experiments.kaplan_context.gpu as study

config = study.point(128)
variants = study.variants(128)
