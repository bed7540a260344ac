"""One block of a Transformer, applied four times, width 96: about 111 thousand parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/universal_w96.py
"""

import quarry.experiments.kaplan_architectures as study

config = study.config("universal", d_model=96)
