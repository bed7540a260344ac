"""The shape that the others are compared with, by three seeds.

Claim and expectation: see experiments/kaplan_shape/__init__.py.
Command: quarry sweep experiments/kaplan_shape/paper/base.py --workdir runs/kaplan_shape
"""

import quarry.experiments.kaplan_shape.paper as study
from quarry.experiments._scales import replicated

config = study.point(study.BASE)
variants = replicated(config)
