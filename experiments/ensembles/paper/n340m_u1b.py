"""340 million parameters on 2^30 tokens by 5 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/paper/n340m_u1b.py --workdir runs/ensembles
"""

import quarry.experiments.ensembles.paper as study
from quarry.experiments.ensembles import decayed, seeds

config = study.point(1536, 2**30)
variants = seeds(config, 5) | decayed(config, 1)
