"""A decoder with the shape of T5-small: 19 million parameters.

Claim and expectation: see experiments/finetuning/__init__.py.
Command: quarry sweep experiments/finetuning/gpu/small.py --workdir runs/finetuning
"""

import quarry.experiments.finetuning.gpu as study

config = study.pretrained(6, 512)
