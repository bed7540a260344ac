"""A decoder with the shape of T5-3B: 1.2 billion parameters.

Claim and expectation: see experiments/finetuning/__init__.py.
Command: quarry sweep experiments/finetuning/paper/xl.py --workdir runs/finetuning
"""

import quarry.experiments.finetuning.paper as study

config = study.pretrained(24, 1024, d_ff=16_384, n_heads=32, head_dim=128)
