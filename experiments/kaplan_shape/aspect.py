"""The other depths at the same N.

Claim and expectation: see experiments/kaplan_shape/__init__.py.
Command: quarry sweep experiments/kaplan_shape/aspect.py
"""

import quarry.experiments.kaplan_shape as study

config, variants = study.family(study.ASPECTS)
