"""302 million parameters on C4, as much as WebText2 and seven smaller parts.

Claim and expectation: see experiments/kaplan_nd/__init__.py.
Command: quarry sweep experiments/kaplan_nd/paper/n302m.py
"""

import quarry.experiments.kaplan_nd.paper as study

config = study.on(24, 1024)
variants = study.subsets(24, 1024)
