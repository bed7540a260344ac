"""3 million parameters at five contexts.

Claim and expectation: see experiments/kaplan_context/__init__.py.
Command: quarry sweep experiments/kaplan_context/paper/n3m.py --workdir runs/kaplan_context
"""

import quarry.experiments.kaplan_context.paper as study

config = study.point(4, 256)
variants = study.variants(4, 256)
