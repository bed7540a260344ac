"""6 thousand parameters, scored on other texts.

Claim and expectation: see experiments/kaplan_transfer/__init__.py.
Command: quarry sweep experiments/kaplan_transfer/w16.py
"""

import quarry.experiments.kaplan_transfer as study

config = study.on_texts(16)
