"""L(N, D) at the paper's sizes: 0.4 to 708 million parameters, D of WebText2 and seven less, on C4.

Dropout is the paper's (section 4.2), N and D are those of the legends of its figures 4 and 9 as we recall
them; how the sizes divide into layers and widths is our choice, but for the largest, 36 layers of 1,280. A
run takes the paper's 250 thousand steps whatever its D, and is evaluated at 50 of them: the least is its loss
(`quarry fit --mid-schedule`).

Command: quarry sweep kaplan_nd/paper; what it costs is in docs/results.md.
"""

from quarry.experiments._scales import PAPER_UNIQUE, at_paper, paper_model
from quarry.experiments.epochs import DROPOUT
from quarry.train.config.experiment import EvaluationConfig, Experiment

SUBSETS = tuple(21_500_000 * 2**halvings for halvings in range(7))
"""22 million to 1.4 billion tokens."""
EVALUATION = EvaluationConfig(2**22, 2**22, count=50)


def on(n_layers: int, d_model: int, unique_tokens: int = PAPER_UNIQUE) -> Experiment:
    """One size on D = `unique_tokens`."""
    model = paper_model(n_layers, d_model, dropout=DROPOUT)
    return at_paper(model, unique_tokens, evaluation=EVALUATION)


def subsets(n_layers: int, d_model: int) -> dict[str, Experiment]:
    """The size on each smaller D."""
    return {f"d{size // 10**6}m": on(n_layers, d_model, size) for size in SUBSETS}
