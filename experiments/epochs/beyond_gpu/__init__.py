"""Beyond the table on a GPU: 25 and 85 million parameters on 8 and 17 million bytes of the novels.

The largest size is 215 times that of the committed table, and N / U is 1.5 to 10. What each law fitted to the
table predicts of these points was written before they were trained: `predictions_gpu.csv` in
experiments/results/epochs.

The recipe is the table's, with a layer per 64 features, in bf16, at twice the batch with the rate for it, and
a longer warmup; the loss is measured once, at the end. The critical batch by the study `kaplan_batch` is
9,000 tokens at a loss of 1.5 and 19,000 at 1.3.

Trained on one H200: both points of 85 million, in 275 s, checkpoints included; not those of 25 million.

Command: quarry sweep epochs/beyond_gpu, where the folder `novels` is (experiments/epochs/novels.py makes it)
"""

import dataclasses
import math

from quarry.experiments.epochs import SMALL, cell
from quarry.experiments.epochs.beyond import measured_once
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.config.experiment import Experiment

SCALE = dataclasses.replace(
    SMALL,
    batch_tokens=2 * SMALL.batch_tokens,
    rate=math.sqrt(2) * SMALL.rate,
    warmup_steps=100,
    compute_dtype="bfloat16",
)
PASSES = 4
"""Of all points but the dearest, which has two."""


def point(d_model: int, unique_tokens: int, most: float = PASSES) -> Experiment:
    """The cell of a width and U, with branches after each smaller number of passes."""
    return measured_once(cell(d_model, unique_tokens, CORPUS, most, SCALE))
