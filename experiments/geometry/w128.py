"""The ladder at width 128.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/w128.py
"""

import quarry.experiments.geometry as study

config = study.recipe(128)
