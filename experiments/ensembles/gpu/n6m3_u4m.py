"""6.3 million parameters on 2^22 tokens by 5 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/gpu/n6m3_u4m.py --workdir runs/ensembles
"""

import quarry.experiments.ensembles.gpu as study
from quarry.experiments.ensembles import decayed, seeds

config = study.point(512, 2**22)
variants = seeds(config, 5) | decayed(config, 2)
