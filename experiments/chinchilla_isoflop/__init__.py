"""Chinchilla isoFLOP: every size at every budget it can reach on fresh text, each loss annealed.

Claim: N_opt ~ C^a and E_opt ~ C^b with a = 0.46 to 0.50, b = 0.50 to 0.54, by three approaches (Hoffmann
2022, 2203.15556, Table 2; Besiroglu 2024, 2404.10102).
Expected: at each budget the least loss lies inside the sizes, and at a larger size for a larger budget.
Command: quarry sweep chinchilla_isoflop

One file per size. A size is a trunk at a constant rate, trained to its largest budget, with branches that
decay at each smaller one (Hägele 2024, 2405.18392). So the same runs give learning curves of annealed losses
(approach 1, Kaplan's L(C) and L(N, S)), isoFLOP minima (2) and a table of N and E for a fitted law (3). The
rules that depend on size are in `point`. `gpu` is the same ladder for one accelerator, `paper` that of the
paper's budgets. Tables and verdicts: docs/results.md.
"""

import dataclasses
from dataclasses import dataclass

from quarry.experiments.epochs import LARGE, SMALL, Scale, recipe
from quarry.model.counting import flops_6n
from quarry.train.config.experiment import BranchConfig, Duration, EvaluationConfig, Experiment


@dataclass(frozen=True)
class Ladder:
    """What all sizes of a ladder share."""

    corpus: str
    scale: Scale
    budgets: tuple[float, ...]
    """C = 6NE in FLOPs, N without embeddings; each twice the one before."""
    longest: int
    """The most tokens of a run, so that no text is read twice."""
    evaluation: EvaluationConfig


CPU = Ladder(
    corpus="sotu",
    scale=SMALL,
    budgets=tuple(8e9 * 2.0**power for power in range(9)),
    longest=7_000_000,
    evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=16_384),
)
"""Two thirds of the 10.7 million bytes of speeches; 8e9 to 2e12 FLOPs."""
GPU = Ladder(
    corpus="tfds:lm1b",
    scale=LARGE,
    budgets=tuple(4e14 * 2.0**power for power in range(9)),
    longest=800_000_000,
    evaluation=EvaluationConfig(validation_tokens=2**20, test_tokens=2**18),
)
"""lm1b has about 9e8 word pieces by our estimate (experiments/epochs/gpu); 4e14 to 1e17 FLOPs."""
PAPER = Ladder(
    corpus="tfds:c4",
    scale=dataclasses.replace(
        LARGE, tokenizer="bpe:32768", vocab_size=32_768, context=2048, batch_tokens=2**19, head_dim=128
    ),
    budgets=tuple(6e18 * 2.0**power for power in range(10)),
    longest=150_000_000_000,
    evaluation=EvaluationConfig(validation_tokens=2**22, test_tokens=2**22),
)
"""The budgets of Hoffmann 2022, 6e18 to 3e21 FLOPs. C4 stands for MassiveText, which is not public."""


def point(d_model: int, ladder: Ladder = CPU) -> Experiment:
    """One size: trained to the largest budget it reaches within `longest`, with a branch at each smaller one.

    All else is the recipe of the study `epochs`: rate 0.3 / d_model, 20 steps of warm-up on a CPU and 40 on
    accelerators, a cooldown over the last fifth.
    """
    config = recipe(d_model, ladder.corpus, ladder.scale, duration=Duration(flops=ladder.budgets[0]))
    cost = flops_6n(config.model)
    reached = [budget for budget in ladder.budgets if budget / cost <= ladder.longest]
    *shorter, last = [round(budget / cost) for budget in reached]
    branches = BranchConfig(tokens=tuple(each for each in shorter if each >= ladder.scale.shortest))
    return dataclasses.replace(
        config, duration=Duration(tokens=last), branches=branches, evaluation=ladder.evaluation
    )


def seeds(d_model: int, ladder: Ladder = CPU) -> dict[str, Experiment]:
    """The same size from other initial parameters, to measure the noise of the minima."""
    return {"init1": dataclasses.replace(point(d_model, ladder), seed_init=1)}
