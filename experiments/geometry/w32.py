"""The ladder at width 32.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/w32.py
"""

import quarry.experiments.geometry as study

config = study.recipe(32)
