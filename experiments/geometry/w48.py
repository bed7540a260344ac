"""The ladder at width 48.

Claim and expectation: see experiments/geometry/__init__.py.
Command: quarry sweep experiments/geometry/w48.py
"""

import quarry.experiments.geometry as study

config = study.recipe(48)
