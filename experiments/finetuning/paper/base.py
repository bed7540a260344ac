"""A decoder with the shape of T5-base: 85 million parameters.

Claim and expectation: see experiments/finetuning/__init__.py.
Command: quarry sweep experiments/finetuning/paper/base.py --workdir runs/finetuning
"""

import quarry.experiments.finetuning.paper as study

config = study.pretrained(12, 768)
