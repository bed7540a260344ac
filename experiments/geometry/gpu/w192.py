"""The ladder at width 192: 1.3 million parameters.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/gpu/w192.py --workdir runs/geometry
"""

import quarry.experiments.geometry.gpu as study

config = study.recipe(192)
