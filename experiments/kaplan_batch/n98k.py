"""99 thousand parameters at six batches.

Claim: below the critical batch the tokens needed to reach a loss do not depend on the batch.
Expected: the smallest batches need equal tokens, the largest more, most of all at high losses.
Command: quarry sweep experiments/kaplan_batch/n98k.py
"""

import quarry.experiments.kaplan_batch as study

config = study.base(64)
variants = study.variants(64)
