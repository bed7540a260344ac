"""25 thousand parameters, scored on other texts.

Claim and expectation: see experiments/kaplan_transfer/__init__.py.
Command: quarry sweep experiments/kaplan_transfer/w32.py
"""

import quarry.experiments.kaplan_transfer as study

config = study.on_texts(32)
variants = study.variants(32)
