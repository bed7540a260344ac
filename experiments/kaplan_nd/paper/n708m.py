"""708 million parameters on C4, as much as WebText2 and seven smaller parts.

Claim and expectation: see experiments/kaplan_nd/__init__.py.
Command: quarry sweep experiments/kaplan_nd/paper/n708m.py
"""

import quarry.experiments.kaplan_nd.paper as study

config = study.on(36, 1280)
variants = study.subsets(36, 1280)
