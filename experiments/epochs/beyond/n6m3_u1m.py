"""6.3 million parameters, two layers, on 2^20 unique tokens: one and two passes.

Claim: the laws of the committed table disagree about this size (see experiments/epochs/beyond/__init__.py).
Expected: experiments/results/epochs/predictions.csv.
Command: quarry sweep experiments/epochs/beyond/n6m3_u1m.py
"""

from quarry.experiments.epochs.beyond import of_table, small_batch

config = of_table(d_model=512, unique_tokens=2**20)
variants = small_batch(d_model=512, unique_tokens=2**20)
