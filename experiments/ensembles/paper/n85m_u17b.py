"""85 million parameters on 2^34 tokens by 5 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/paper/n85m_u17b.py --workdir runs/ensembles
"""

import quarry.experiments.ensembles.paper as study
from quarry.experiments.ensembles import seeds

config = study.point(768, 2**34)
variants = seeds(config, 5)
