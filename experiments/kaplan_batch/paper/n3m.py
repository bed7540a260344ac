"""3 million parameters at seven batches.

Claim and expectation: see experiments/kaplan_batch/__init__.py.
Command: quarry sweep experiments/kaplan_batch/paper/n3m.py --workdir runs/kaplan_batch
"""

import quarry.experiments.kaplan_batch.paper as study

config = study.base(4, 256)
variants = study.variants(4, 256)
