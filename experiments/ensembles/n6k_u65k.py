"""6 thousand parameters on 2^16 tokens by 5 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/n6k_u65k.py
"""

import quarry.experiments.ensembles as study

config = study.point(16, 2**16)
variants = study.seeds(config, 5)
