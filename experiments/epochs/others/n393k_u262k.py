"""394 thousand parameters on 2^18 unique tokens, scored on the same novels and on other authors.

Claim: k_rho, the gain of repeats and the order of sizes do not depend on held-out text that shares novels
with the training text (experiments/epochs/others/__init__.py).
Expected: the same on both texts, up to a constant.
Command: quarry sweep experiments/epochs/others/n393k_u262k.py
"""

from quarry.experiments.epochs.others import on_both

config = on_both(d_model=128, unique_tokens=2**18)
