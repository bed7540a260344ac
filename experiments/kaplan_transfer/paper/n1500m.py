"""1.5 billion parameters, scored on other texts, at four depths.

Claim and expectation: see experiments/kaplan_transfer/__init__.py.
Command: quarry sweep experiments/kaplan_transfer/paper/n1500m.py --workdir runs/kaplan_transfer
"""

import quarry.experiments.kaplan_transfer.paper as study

config = study.on_texts(48, 1600)
variants = {name: study.on_texts(*shape) for name, shape in study.DEPTHS.items()}
