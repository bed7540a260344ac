"""0.4 million parameters under one cosine over 34 million bytes.

Claim and expectation: see experiments/kaplan_compute/__init__.py.
Command: quarry sweep experiments/kaplan_compute/gpu/n394k.py
"""

from quarry.experiments.kaplan_compute import gpu_point

config = gpu_point(d_model=128)
