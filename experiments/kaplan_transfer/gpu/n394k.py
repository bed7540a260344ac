"""0.4 million parameters, scored on other texts.

Claim and expectation: see experiments/kaplan_transfer/__init__.py.
Command: quarry sweep experiments/kaplan_transfer/gpu/n394k.py --workdir runs/kaplan_transfer
"""

import quarry.experiments.kaplan_transfer.gpu as study

config = study.on_texts(128)
