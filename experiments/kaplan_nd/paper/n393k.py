"""0.4 million parameters on C4, as much as WebText2 and seven smaller parts.

Claim and expectation: see experiments/kaplan_nd/__init__.py.
Command: quarry sweep experiments/kaplan_nd/paper/n393k.py
"""

import quarry.experiments.kaplan_nd.paper as study

config = study.on(2, 128)
variants = study.subsets(2, 128)
