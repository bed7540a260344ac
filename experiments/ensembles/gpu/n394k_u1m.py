"""0.4 million parameters on 2^20 tokens by 16 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/gpu/n394k_u1m.py --workdir runs/ensembles
"""

import quarry.experiments.ensembles.gpu as study
from quarry.experiments.ensembles import seeds

config = study.point(128, 2**20)
variants = seeds(config, 16)
