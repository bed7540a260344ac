"""The other numbers of heads at the same N.

Claim and expectation: see experiments/kaplan_shape/__init__.py.
Command: quarry sweep experiments/kaplan_shape/heads.py
"""

import quarry.experiments.kaplan_shape as study

config, variants = study.family(study.HEADS)
