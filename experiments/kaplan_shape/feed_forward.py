"""The other feed forward ratios at the same N.

Claim and expectation: see experiments/kaplan_shape/__init__.py.
Command: quarry sweep experiments/kaplan_shape/feed_forward.py
"""

import quarry.experiments.kaplan_shape as study

(_, first), *others = study.FEED_FORWARD.items()
config = study.point(first)
variants = {name: study.point(model) for name, model in others}
