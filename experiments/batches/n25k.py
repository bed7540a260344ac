"""25 thousand parameters at six batches.

Claim: below the critical batch the tokens to a loss do not depend on the batch.
Expected: the least batches need equal tokens, the largest more, at high losses most of all.
Command: quarry sweep experiments/batches/n25k.py
"""

import quarry.experiments.batches as study

config = study.base(32)
variants = study.variants(32)
