"""25 thousand parameters at five batches, logged often.

Claim and expectation: see experiments/kaplan_batch/noise/__init__.py.
Command: quarry sweep experiments/kaplan_batch/noise/w32.py
"""

import quarry.experiments.kaplan_batch.noise as study

config = study.at_batch(32)
variants = study.variants(32)
