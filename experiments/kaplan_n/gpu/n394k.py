"""0.4 million parameters, four passes over 34 million bytes.

Claim and expectation: see experiments/kaplan_n/__init__.py.
Command: quarry sweep experiments/kaplan_n/gpu/n394k.py
"""

from quarry.experiments.kaplan_n import gpu_point

config = gpu_point(d_model=128)
