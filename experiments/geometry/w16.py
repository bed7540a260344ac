"""The ladder at width 16.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/w16.py
"""

import quarry.experiments.geometry as study

config = study.recipe(16)
