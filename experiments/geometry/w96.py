"""The ladder at width 96.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/w96.py
"""

import quarry.experiments.geometry as study

config = study.recipe(96)
