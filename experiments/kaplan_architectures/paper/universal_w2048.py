"""One block, applied four times, twice and eight times: 50 million parameters.

Claim and expectation: see experiments/kaplan_architectures/__init__.py.
Command: quarry sweep experiments/kaplan_architectures/paper/universal_w2048.py
    --workdir runs/kaplan_architectures
"""

import quarry.experiments.kaplan_architectures.paper as study

config = study.universal(2048)
variants = {f"x{uses}": study.universal(2048, uses) for uses in study.REUSED}
