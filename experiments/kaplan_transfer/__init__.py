"""Transfer to other texts: how a model does on text that it was not trained on, by size. (The study of rates
that transfer between sizes, muP, is `transfer`.)

Claim (Kaplan 2020, 2001.08361, figure 8): the loss on another text is the validation loss and an offset of
its own, which does not depend on size.
Expected: a slope of 1 over the validation loss, offsets within 0.1 nats over a factor 64 in N, no trend.
Command: quarry sweep kaplan_transfer, where a folder `novels` of text files is; then quarry texts and
quarry context on runs/kaplan_transfer

About two minutes of processor time; `longer` has 28 times the tokens. The same runs score their own text,
by position in the context (D.5, figure 20), and by class of token; `classes` says which class gains
from data (Zhang 2020).
The committed tables are of 99 whole novels, a file each; the pieces that experiments/epochs/novels.py makes
of them are other documents. `gpu` and `paper` are the same for one GPU and at the paper's sizes.
"""

from quarry.experiments.epochs.cpu import CORPUS
from quarry.model.config import modern
from quarry.train.config.experiment import (
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
)

ALSO = (("speeches", "sotu"), ("code", "stdlib"))
"""The other texts, by their names in the record."""
FEWER = tuple(2**bits for bits in (13, 15, 17))


def on_texts(width: int, unique_tokens: int | None = None) -> Experiment:
    """One size and one U, scored on speeches and code, on its own text, by position and by class of token."""
    return Experiment(
        model=modern(width, 2, max(1, width // 16), context=128),
        duration=Duration(tokens=300_000),
        data=DataConfig(corpus=CORPUS, unique_tokens=unique_tokens),
        evaluation=EvaluationConfig(
            validation_tokens=16_384,
            test_tokens=4096,
            count=4,
            train_tokens=16_384,
            also=ALSO,
            token_classes=True,
        ),
        optimizer=OptimizerConfig(learning_rate=5e-3 if width == 64 else 1e-2, beta2=0.98),
        batch_tokens=2048,
        micro_batch_tokens=512,
        log_every=2,
    )


def variants(width: int) -> dict[str, Experiment]:
    """The same size on fewer unique tokens."""
    return {f"u{unique}": on_texts(width, unique) for unique in FEWER}
