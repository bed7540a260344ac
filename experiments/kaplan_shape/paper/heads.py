"""Other numbers of heads at one N.

Claim and expectation: see experiments/kaplan_shape/__init__.py.
Command: quarry sweep experiments/kaplan_shape/paper/heads.py --workdir runs/kaplan_shape
"""

import quarry.experiments.kaplan_shape.paper as study
from quarry.experiments.kaplan_shape import family

config, variants = family(study.HEADS, study.point)
