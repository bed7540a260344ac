"""25 million parameters on 34 million bytes.

Claim and expectation: see experiments/kaplan_d/__init__.py.
Command: quarry sweep experiments/kaplan_d/gpu/d34m.py
"""

from quarry.experiments.kaplan_d import gpu_point

config = gpu_point(unique_tokens=2**25)
