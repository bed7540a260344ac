"""1.4 billion parameters on 2^30 tokens by 2 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/paper/n1400m_u1b.py --workdir runs/ensembles
"""

import quarry.experiments.ensembles.paper as study
from quarry.experiments.ensembles import decayed, seeds

config = study.point(3072, 2**30)
variants = seeds(config, 2) | decayed(config, 1)
