"""A Transformer of two blocks, width 64: about 98 thousand parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/transformer_w64.py
"""

import quarry.experiments.kaplan_architectures as study

config = study.config("transformer", d_model=64)
