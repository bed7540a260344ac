"""The ladder at width 1600: 1.5 billion parameters.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/paper/w1600.py --workdir runs/geometry
"""

import quarry.experiments.geometry.paper as study

config = study.recipe(48, 1600)
