"""85 million parameters at seven batches.

Claim and expectation: see experiments/kaplan_batch/__init__.py.
Command: quarry sweep experiments/kaplan_batch/paper/n85m.py --workdir runs/kaplan_batch
"""

import quarry.experiments.kaplan_batch.paper as study

config = study.base(12, 768)
variants = study.variants(12, 768)
