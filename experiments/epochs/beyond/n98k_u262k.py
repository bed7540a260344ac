"""99 thousand parameters, two layers, on 2^18 unique tokens: one and two passes.

Claim: the laws of the table disagree about larger sizes (see experiments/epochs/beyond/__init__.py).
Expected: by the table's recipe the table's losses; less at the smaller batch.
Command: quarry sweep experiments/epochs/beyond/n98k_u262k.py
"""

from quarry.experiments.epochs.beyond import of_table, small_batch

config = of_table(d_model=64, unique_tokens=2**18)
variants = small_batch(d_model=64, unique_tokens=2**18)
