"""One block, applied four times: 0.4 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/gpu/universal_w192.py
    --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.gpu as study

config = study.config("universal", d_model=192)
