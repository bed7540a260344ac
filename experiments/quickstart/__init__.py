"""Quickstart: a ladder that two CPU cores train in two minutes, on the State of the Union speeches.

Claim: on real text the held-out loss falls as a power of N at equal tokens (Kaplan 2020, 2001.08361), and at
equal compute one size has the least loss, a larger one at a larger budget (Hoffmann 2022, 2203.15556,
approach 2), already between 6 and 394 thousand parameters.
Expected: six sizes at equal tokens give L(N), each larger one a lower loss; of four sizes at each of three
budgets of compute the least loss moves from the smallest to the next, and curves through them give N_opt(C).
Command: quarry sweep quickstart

One file per size. A size is one run at a constant rate to the most tokens it needs, with a branch that decays
at each smaller number (Hägele 2024, 2405.18392): 16 losses, each annealed, for the price of some eight runs.
Every rule that depends on size is in `recipe`.
"""

from quarry.model.config import modern
from quarry.model.counting import flops_6n
from quarry.train.config.experiment import (
    BranchConfig,
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    ScheduleConfig,
)

CONTEXT = 128
BATCH_TOKENS = 512
HEAD_DIM = 16
LAYERS = 2
TOKENS = 403_000
"""Of the six sizes at equal tokens; on as many 25 thousand parameters cost the first budget, 99 the last."""
BUDGETS = (6e10, 1.2e11, 2.4e11)
"""C = 6NE in FLOPs, of the four smaller sizes; each twice the one before."""


def recipe(d_model: int, tokens: int = TOKENS, budgets: tuple[float, ...] = ()) -> Experiment:
    """The size of width `d_model`: its loss after `tokens` tokens and at each budget in FLOPs, in one pass.

    The learning rate falls as 1 / d_model (the muP rule for hidden matrices, 2203.03466); its constant is the
    best of the study `rates`. Heads keep their width, so their number grows with d_model. The depth and all
    other settings are the same for every size.
    """
    model = modern(d_model, LAYERS, n_heads=d_model // HEAD_DIM, context=CONTEXT)
    *shorter, longest = sorted({tokens, *(round(budget / flops_6n(model)) for budget in budgets)})
    return Experiment(
        model=model,
        data=DataConfig(corpus="sotu", tokenizer="bytes"),
        duration=Duration(tokens=longest),
        branches=BranchConfig(tokens=tuple(shorter)),
        optimizer=OptimizerConfig(learning_rate=0.3 / d_model),
        schedule=ScheduleConfig(kind="wsd", warmup_steps=25, decay=0.25),
        evaluation=EvaluationConfig(validation_tokens=32_768, test_tokens=32_768, count=5),
        batch_tokens=BATCH_TOKENS,
    )
