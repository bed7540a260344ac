"""Contexts of 512 bytes, by three seeds.

Claim and expectation: see experiments/kaplan_context/__init__.py.
Command: quarry sweep experiments/kaplan_context/gpu/t512.py --workdir runs/kaplan_context
"""

import quarry.experiments.kaplan_context.gpu as study

config = study.point(512)
variants = study.variants(512)
