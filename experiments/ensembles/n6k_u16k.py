"""6 thousand parameters on 2^14 tokens by 18 seeds.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/n6k_u16k.py
"""

import quarry.experiments.ensembles as study

config = study.point(16, 2**14)
variants = study.seeds(config, 18)
