"""Two layers of LSTM, width 118: about 223 thousand parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/lstm_w118.py
"""

import quarry.experiments.kaplan_architectures as study

config = study.config("lstm", d_model=118)
