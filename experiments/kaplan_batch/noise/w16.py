"""6 thousand parameters at five batches, logged often.

Claim and expectation: see experiments/kaplan_batch/noise/__init__.py.
Command: quarry sweep experiments/kaplan_batch/noise/w16.py
"""

import quarry.experiments.kaplan_batch.noise as study

config = study.at_batch(16)
variants = study.variants(16)
