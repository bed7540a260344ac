"""A decoder with the shape of T5-large: 302 million parameters.

Claim and expectation: see experiments/finetuning/__init__.py.
Command: quarry sweep experiments/finetuning/paper/large.py --workdir runs/finetuning
"""

import quarry.experiments.finetuning.paper as study

config = study.pretrained(24, 1024)
