"""A Transformer of two blocks, width 48: about 55 thousand parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/transformer_w48.py
"""

import quarry.experiments.kaplan_architectures as study

config = study.config("transformer", d_model=48)
variants = study.variants("transformer", d_model=48)
