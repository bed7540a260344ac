"""25 million parameters, scored on other texts.

Claim and expectation: see experiments/kaplan_transfer/__init__.py.
Command: quarry sweep experiments/kaplan_transfer/paper/n25m.py --workdir runs/kaplan_transfer
"""

import quarry.experiments.kaplan_transfer.paper as study

config = study.on_texts(8, 512)
