"""25 million parameters on 2^20 tokens by 2 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/gpu/n25m_u1m.py --workdir runs/ensembles
"""

import quarry.experiments.ensembles.gpu as study
from quarry.experiments.ensembles import decayed, seeds

config = study.point(1024, 2**20)
variants = seeds(config, 2) | decayed(config, 2)
