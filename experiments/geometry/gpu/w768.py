"""The ladder at width 768: 85 million parameters.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/gpu/w768.py --workdir runs/geometry
"""

import quarry.experiments.geometry.gpu as study

config = study.recipe(768)
