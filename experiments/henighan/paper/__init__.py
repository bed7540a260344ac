"""Language at the paper's sizes: 0.9 million to 3 billion parameters on C4 (Henighan 2020, 2010.14701).

The paper's images, videos and mathematics are not public, and nothing here stands for 1e11 tokens of them.
From its appendix F: the warm-up, the linear decay to a tenth, the steps and the tokens of a batch, and the
rates of 12 thousand and 3.2 billion parameters, between which ours are a power of N. Our choice: shapes of
about 100 features for each layer, heads of 64.

Command: quarry sweep henighan/paper; what it costs is in docs/results.md.
"""

from quarry.experiments._scales import PAPER_STEPS, PAPER_WARMUP, at_paper, paper_model
from quarry.model.counting import count_parameters
from quarry.train.config.experiment import EvaluationConfig, Experiment, OptimizerConfig, ScheduleConfig

RATE, EXPONENT = 2.7e-3, 0.249
"""The rate at 12 thousand parameters, and how it falls with N: 1.2e-4 at 3.2 billion."""
SCHEDULE = ScheduleConfig(
    kind="wsd",
    warmup_steps=PAPER_WARMUP,
    decay=1 - PAPER_WARMUP / PAPER_STEPS,
    shape="linear",
    final=0.1,
)


def point(n_layers: int, d_model: int) -> Experiment:
    """One size on as many tokens as 250 thousand steps read."""
    model = paper_model(n_layers, d_model)
    rate = RATE * (count_parameters(model).nonembedding / 12_000) ** -EXPONENT
    return at_paper(
        model,
        optimizer=OptimizerConfig(rate, beta2=0.95, weight_decay=0.0),
        schedule=SCHEDULE,
        evaluation=EvaluationConfig(2**22, 2**22, count=50),
    )
