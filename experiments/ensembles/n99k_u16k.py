"""99 thousand parameters on 2^14 tokens by 2 seeds, and with more weight decay by 2.

Claim and expectation: see experiments/ensembles/__init__.py.
Command: quarry sweep experiments/ensembles/n99k_u16k.py
"""

import quarry.experiments.ensembles as study

config = study.point(64, 2**14)
variants = study.seeds(config, 2) | study.decayed(config, 2)
