"""One block of a Transformer, applied four times, width 128: about 197 thousand parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/universal_w128.py
"""

import quarry.experiments.kaplan_architectures as study

config = study.config("universal", d_model=128)
