"""1.6 million parameters on 2^20 tokens by 5 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/gpu/n1m6_u1m.py --workdir runs/ensembles
"""

import quarry.experiments.ensembles.gpu as study
from quarry.experiments.ensembles import decayed, seeds

config = study.point(256, 2**20)
variants = seeds(config, 5) | decayed(config, 2)
