"""0.4 million parameters on 262 thousand to 34 million bytes of novels.

Claim and expectation: see experiments/kaplan_nd/__init__.py.
Command: quarry sweep experiments/kaplan_nd/gpu/n394k.py
"""

from quarry.experiments.kaplan_nd import GPU, point, subsets

config = point(d_model=128, grid=GPU)
variants = subsets(d_model=128, grid=GPU)
