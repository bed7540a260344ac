"""One block, applied four times: 3 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/gpu/universal_w512.py
    --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.gpu as study
from quarry.experiments._scales import replicated

config = study.config("universal", d_model=512)
variants = replicated(config)
