"""0.4 million parameters on 2^22 tokens by 5 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/gpu/n394k_u4m.py --workdir runs/ensembles
"""

import quarry.experiments.ensembles.gpu as study
from quarry.experiments.ensembles import seeds

config = study.point(128, 2**22)
variants = seeds(config, 5)
