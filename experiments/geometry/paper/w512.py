"""The ladder at width 512: 25 million parameters.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/paper/w512.py --workdir runs/geometry
"""

import quarry.experiments.geometry.paper as study

config = study.recipe(8, 512)
