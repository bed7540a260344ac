"""25 thousand parameters on 2^16 unique tokens: up to 64 passes.

Claim: r_inf cut at 32 passes is an underestimate (experiments/epochs/longer/__init__.py).
Expected: see there.
Command: quarry sweep experiments/epochs/longer/n25k_u65k.py
"""

from quarry.experiments.epochs.longer import longer, repeated

config = longer(d_model=32, unique_tokens=2**16)
variants = repeated(config)
