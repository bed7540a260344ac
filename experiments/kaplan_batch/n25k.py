"""25 thousand parameters at six batches.

Claim: below the critical batch the tokens needed to reach a loss do not depend on the batch.
Expected: the smallest batches need equal tokens, the largest more, most of all at high losses.
Command: quarry sweep experiments/kaplan_batch/n25k.py
"""

import quarry.experiments.kaplan_batch as study

config = study.base(32)
variants = study.variants(32)
