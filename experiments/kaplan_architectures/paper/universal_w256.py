"""One block, applied four times, twice and eight times: 0.8 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/paper/universal_w256.py
    --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.paper as study

config = study.universal(256)
variants = {f"x{uses}": study.universal(256, uses) for uses in study.REUSED}
