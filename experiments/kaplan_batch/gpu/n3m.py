"""3 million parameters at seven batches.

Claim and expectation: see experiments/kaplan_batch/__init__.py.
Command: quarry sweep experiments/kaplan_batch/gpu/n3m.py --workdir runs/kaplan_batch
"""

import quarry.experiments.kaplan_batch.gpu as study

config = study.base(256)
variants = study.variants(256)
