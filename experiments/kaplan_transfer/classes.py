"""99 thousand parameters on 2^14 to 2^22 unique tokens, each for about the passes that are best there.

Claim: the parts of a text fall one after the other as the data grow (Zhang 2020, 2011.04946).
Expected: letters inside words and copies first, names and words after rare ones last.
Command: quarry sweep experiments/kaplan_transfer/classes.py --workdir runs/classes; quarry texts runs/classes
"""

import dataclasses

from quarry.experiments.epochs import recipe
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.config.experiment import Duration, EvaluationConfig, Experiment

WIDTH = 64
PASSES = {2**14: 8, 2**16: 8, 2**18: 8, 2**20: 6, 2**22: 2}
"""By U, of the passes after which the committed runs of this size are within a few percent of their best."""


def on(unique_tokens: int) -> Experiment:
    """The recipe of the study of epochs on so many tokens, scored by class of token."""
    run = recipe(WIDTH, CORPUS, unique_tokens=unique_tokens, duration=Duration(epochs=PASSES[unique_tokens]))
    evaluation = EvaluationConfig(131_072, 131_072, count=4, token_classes=True)
    return dataclasses.replace(run, evaluation=evaluation)


config = on(2**22)
variants = {f"u{unique}": on(unique) for unique in PASSES if unique < 2**22}
