"""LSTMs of two layers, of one and of four: 0.4 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/paper/lstm_n400k.py --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.paper as study

config = study.lstm(400_000)
variants = {f"l{layers}": study.lstm(400_000, layers) for layers in study.LAYERS}
