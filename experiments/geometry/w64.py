"""The ladder at width 64.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/w64.py
"""

import quarry.experiments.geometry as study

config = study.recipe(64)
