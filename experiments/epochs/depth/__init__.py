"""Depth: as many parameters in eight layers as in two, on the novels, after one, two and four passes.

Claim: all models of the committed table have two layers, and 85 million parameters in twelve layers came out
5.7 to 12% below every joint surface fitted to it. If depth is the reason, eight layers of equal N (by
12 L d_model^2, heads of 16 features) come out below two by some percent here too.

What the laws say, written before any of these runs: their surfaces know no depth, so they predict for eight
layers what two have. Two layers by the table's recipe (points.parquet, beyond.parquet), at k = 1, 2, 4:

    99 thousand     U = 2^16: 2.473, 2.282, 2.066    U = 2^18: 2.016, 1.829, 1.698
    394 thousand    U = 2^16: 2.468, 2.260, 2.041    U = 2^18: 1.961, 1.782, 1.648
    1.57 million    U = 2^16: 2.423, 2.235           U = 2^18: 1.964, 1.760

Five percent less would be 2.35, 2.17 and 1.96 in the first row. Our own guess, also before the runs: no such
thing. A pass of 64 or 256 steps is too short for depth to help: within 1.5% of two layers at the best of
three rates, and rather above than below at U = 2^16.

Depth and width both move the best rate, so that every shape is trained at 1/2, 1 and 2 times 0.3 / d_model
(its variants); the best of them counts, for two layers as for eight. `seed1` are other seeds of
initialisation and order. Runs of two layers at the rate of the recipe and seed 0 are those of the table, as
are those of two layers beside `n98k_l8_fresh`, which never repeats: 4 million tokens in one pass.

Trained: 99 thousand at 2^16 at all rates, at 2^18 at the recipe's and the double; 394 thousand at 2^16 at
these two; the rest at the recipe's rate; a second seed of some. Not the fresh run. See docs/epochs.md.

Command: quarry sweep epochs/depth, where the novels are (experiments/epochs/novels.py makes them)
"""

import dataclasses

from quarry.experiments.epochs import RATES, SMALL, cell, fresh, optimized
from quarry.experiments.epochs.beyond import measured_once
from quarry.experiments.epochs.cpu import CORPUS
from quarry.train.config.experiment import Experiment

PASSES = 4


def of_depth(d_model: int, layers: int, unique_tokens: int, most: float = PASSES) -> Experiment:
    """The cell by the recipe of the committed table, in so many layers."""
    scale = dataclasses.replace(SMALL, layers=layers)
    return measured_once(cell(d_model, unique_tokens, CORPUS, most, scale))


def fresh_of_depth(d_model: int, layers: int, tokens: int) -> Experiment:
    """One pass over `tokens` fresh tokens, with branches at 1/2, 1/4, ... of it, in so many layers."""
    return measured_once(fresh(d_model, tokens, CORPUS, dataclasses.replace(SMALL, layers=layers)))


def tried(config: Experiment, seeds: tuple[int, ...] = ()) -> dict[str, Experiment]:
    """The same cell at half and at double rate, and every rate again by other seeds."""
    rate = config.optimizer.learning_rate
    rates = {name: optimized(config, learning_rate=factor * rate) for name, factor in RATES.items()}
    again = {
        f"{name}-seed{seed}".lstrip("-"): dataclasses.replace(each, seed_init=seed, seed_order=seed)
        for name, each in ({"": config} | rates).items()
        for seed in seeds
    }
    return rates | again
