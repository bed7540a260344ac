"""Two layers of LSTM: 3 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/gpu/lstm_w444.py --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.gpu as study
from quarry.experiments._scales import replicated

config = study.config("lstm", d_model=444)
variants = replicated(config)
