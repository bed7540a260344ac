"""The ladder at width 1024: 302 million parameters.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/paper/w1024.py --workdir runs/geometry
"""

import quarry.experiments.geometry.paper as study

config = study.recipe(24, 1024)
