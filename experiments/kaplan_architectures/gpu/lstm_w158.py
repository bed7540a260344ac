"""Two layers of LSTM: 0.4 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/gpu/lstm_w158.py --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.gpu as study

config = study.config("lstm", d_model=158)
