"""Beyond the table: 1.6, 6.3 and 14 million parameters on the novels, one and two passes.

The laws fitted to the committed table (6 to 394 thousand parameters) disagree about such sizes. What each
predicts of these points was written before they were trained: experiments/results/epochs/predictions.csv.

All sizes have two layers, as those of the table have. The config of each file is the table's recipe: batch
1,024, rate 0.3 / d_model. Its variant `small-batch` has a smaller batch and a lower rate, since 1,024 tokens
are the critical batch at a loss of 2.3 and above it at higher losses. 99 and 394 thousand parameters are
trained beside them, for the small batch and as a check that the table's losses come out again. Losses are
measured once, at the end of a run: a measurement costs as much as training on a third of its tokens.
The order of training, most informative first for its cost, is that of `ORDER`.

Command: quarry sweep experiments/epochs/beyond/NAME.py, in the order of `ORDER`, where the novels are
"""

import dataclasses

from quarry.experiments.epochs import SMALL, cell
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.config.experiment import Experiment

TABLE = dataclasses.replace(SMALL, layers=2)
PASSES = 2
SMALL_BATCH = {2**16: 256, 2**18: 256, 2**19: 512, 2**20: 512}
"""Batch in tokens of the variant, by U."""
ORDER = (
    "n1m6_u65k",
    "n6m3_u65k",
    "n98k_u65k",
    "n393k_u65k",
    "n1m6_u262k",
    "n98k_u524k",
    "n393k_u524k",
    "n1m6_u524k",
    "n14m_u524k",
    "n6m3_u262k",
    "n98k_u262k",
    "n393k_u262k",
    "n14m_u65k",
    "n1m6_u1m",
    "n6m3_u524k",
    "n14m_u262k",
    "n6m3_u1m",
    "n14m_u1m",
)


def measured_once(config: Experiment) -> Experiment:
    """The experiment with one measurement of its loss, at its end."""
    evaluation = dataclasses.replace(config.evaluation, test_tokens=2**14, count=1)
    return dataclasses.replace(config, evaluation=evaluation)


def of_table(d_model: int, unique_tokens: int, most: float = PASSES) -> Experiment:
    """The cell by the recipe of the committed table."""
    return measured_once(cell(d_model, unique_tokens, CORPUS, most, TABLE))


def small_batch(d_model: int, unique_tokens: int, most: float = PASSES) -> dict[str, Experiment]:
    """The same cell at a smaller batch and a rate of 0.2 / d_model."""
    scale = dataclasses.replace(TABLE, batch_tokens=SMALL_BATCH[unique_tokens], rate=0.2)
    return {"small-batch": measured_once(cell(d_model, unique_tokens, CORPUS, most, scale))}
