"""Rates that transfer on one GPU: widths 128 to 1,024, two layers, by muP and without, on novels.

Widths, rates and lengths are our choice.

Command: quarry sweep transfer/gpu, where the folder `novels` is
"""

import dataclasses

from quarry.experiments._scales import at_gpu
from quarry.experiments.epochs import optimized
from quarry.experiments.transfer import middle, others
from quarry.model.config import Parametrization
from quarry.train.config.experiment import Experiment, ScheduleConfig

BASE_WIDTH, LAYERS, HEADS = 128, 2, 8
POWERS = range(-13, -4)


def point(parametrization: Parametrization, d_model: int, power: int = middle(POWERS)) -> Experiment:
    """A width at the rate 2^power; the middle of the grid unless given."""
    base = {"base_d_model": BASE_WIDTH, "base_n_layers": LAYERS}
    config = at_gpu(d_model, n_layers=LAYERS, n_heads=HEADS, parametrization=parametrization, **base)
    config = optimized(config, learning_rate=2.0**power, beta2=0.95, weight_decay=0.0)
    return dataclasses.replace(config, schedule=ScheduleConfig(warmup=0.1, decay=0.2))


def variants(parametrization: Parametrization, d_model: int) -> dict[str, Experiment]:
    """The same width at the other rates."""
    return others(lambda power: point(parametrization, d_model, power), POWERS)
