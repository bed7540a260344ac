"""Text of other authors: the same runs scored on pieces of the novels they train on and on other authors'.

Claim: the held-out text of the committed table is pieces of the same 99 novels, so that repeats could pay by
names and style that both share. If they do, the gain of repeats is smaller on other authors, and k_rho, the
passes to within 10% of the least loss, is too.
Expected: the other authors' loss lies above by a constant; k_rho, the gains and the order of sizes agree.

Authors are held out by `_authors.py`: every eighth surname in alphabetical order, so no piece of theirs is
in `folder:known`, from which U, validation and test come. Both texts are scored on 2^17 tokens by the same
model (`evaluation.also`), which leaves out the noise of seeds from their comparison. The recipe is that of
the table; its losses are not to be compared with the table's, whose U tokens are others.

Trained: 6, 25 and 99 thousand parameters.

Command: python -m quarry.experiments.epochs.others._authors novels known others
         quarry sweep epochs/others, where the folders are
"""

import dataclasses

from quarry.experiments.epochs import PASSES, recipe
from quarry.train.config.experiment import BranchConfig, Duration, Experiment

KNOWN, OTHERS = "folder:known", "folder:others"
LEAST, MOST = 0.5, 16
SCORED_TOKENS = 2**17
"""Of each text."""


def on_both(d_model: int, unique_tokens: int) -> Experiment:
    """The cell by the recipe of the committed table, its loss measured at the end on both texts."""
    config = recipe(
        d_model,
        KNOWN,
        unique_tokens=unique_tokens,
        duration=Duration(epochs=MOST),
        branches=BranchConfig(epochs=tuple(k for k in PASSES if LEAST <= k < MOST)),
    )
    evaluation = dataclasses.replace(
        config.evaluation,
        validation_tokens=SCORED_TOKENS,
        test_tokens=2**14,
        count=1,
        also=(("others", OTHERS),),
    )
    return dataclasses.replace(config, evaluation=evaluation)
