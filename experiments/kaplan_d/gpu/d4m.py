"""25 million parameters on 4 million bytes.

Claim and expectation: see experiments/kaplan_d/__init__.py.
Command: quarry sweep experiments/kaplan_d/gpu/d4m.py
"""

from quarry.experiments.kaplan_d import gpu_point

config = gpu_point(unique_tokens=2**22)
