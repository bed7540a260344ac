"""Two layers of LSTM, width 59: about 56 thousand parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/lstm_w59.py
"""

import quarry.experiments.kaplan_architectures as study

config = study.config("lstm", d_model=59)
variants = study.variants("lstm", d_model=59)
