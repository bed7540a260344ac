"""99 thousand parameters on 2^16 tokens by 2 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/n99k_u65k.py
"""

import quarry.experiments.ensembles as study

config = study.point(64, 2**16)
variants = study.seeds(config, 2)
