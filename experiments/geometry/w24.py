"""The ladder at width 24.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/w24.py
"""

import quarry.experiments.geometry as study

config = study.recipe(24)
