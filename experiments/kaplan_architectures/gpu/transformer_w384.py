"""A Transformer of six blocks: 11 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/gpu/transformer_w384.py
    --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.gpu as study

config = study.config("transformer", d_model=384)
