"""LSTMs of two layers, of one and of four: 200 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/paper/lstm_n200m.py --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.paper as study

config = study.lstm(200_000_000)
variants = {f"l{layers}": study.lstm(200_000_000, layers) for layers in study.LAYERS}
