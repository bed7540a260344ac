"""One block, applied four times, twice and eight times: 13 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/paper/universal_w1024.py
    --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.paper as study

config = study.universal(1024)
variants = {f"x{uses}": study.universal(1024, uses) for uses in study.REUSED}
