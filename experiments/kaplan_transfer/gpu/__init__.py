"""Transfer to other texts on one GPU: 0.4 to 85 million parameters, trained on novels.

Speeches and Python code are scored beside the novels; three smaller U at 3 million parameters. All sizes and
lengths are our choice.

Command: quarry sweep kaplan_transfer/gpu --workdir runs/kaplan_transfer, where the folder `novels` is; then
quarry texts and quarry context on runs/kaplan_transfer/gpu
"""

import dataclasses

from quarry.experiments._scales import at_gpu
from quarry.experiments.kaplan_transfer import ALSO
from quarry.train.config.experiment import EvaluationConfig, Experiment

FEWER = tuple(2**bits for bits in (18, 20, 22))
EVALUATION = EvaluationConfig(2**20, 2**18, count=6, train_tokens=2**18, also=ALSO, token_classes=True)


def on_texts(d_model: int, unique_tokens: int | None = None) -> Experiment:
    """One size and one U."""
    config = at_gpu(d_model)
    data = dataclasses.replace(config.data, unique_tokens=unique_tokens)
    return dataclasses.replace(config, data=data, evaluation=EVALUATION)


def variants(d_model: int) -> dict[str, Experiment]:
    """The same size on fewer unique tokens, by as many passes as make up for it."""
    return {f"u{unique}": on_texts(d_model, unique) for unique in FEWER}
