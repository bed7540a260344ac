"""A Transformer of four blocks: 3 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/gpu/transformer_w256.py
    --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.gpu as study
from quarry.experiments._scales import replicated

config = study.config("transformer", d_model=256)
variants = replicated(config)
