"""Chooses the shape of a model with about N parameters, similar to another one."""

import dataclasses
import math

from quarry.model.config import ModelConfig
from quarry.model.counting import count_parameters

SIZE_TOLERANCE, SIZE_WEIGHT = 0.05, 4.0
"""Within this relative error in N the nearest aspect ratio is chosen. Beyond it, a factor in N counts as much
as its fourth power in the aspect ratio."""

HEADS_FACTOR, MOST_HEADS = 3, 1024
"""Numbers of heads within this factor of those at the same aspect ratio are tried, up to MOST_HEADS."""


def size(model: ModelConfig) -> int:
    """The non-embedding parameters of a model."""
    return count_parameters(model).nonembedding


def nearest_shape(like: ModelConfig, n: float) -> ModelConfig:
    """The shape nearest to `n` parameters and to the aspect ratio of `like`, with its head width."""
    middle = like.n_heads * (n / size(like)) ** (1 / 3)
    low, high = (
        min(MOST_HEADS, math.ceil(heads)) for heads in (middle / HEADS_FACTOR, middle * HEADS_FACTOR)
    )
    shapes = (shape for heads in range(low, high + 1) for shape in _depths(like, heads, n))
    return min(shapes, key=lambda shape: _distance(shape, like, n))


def _depths(like: ModelConfig, heads: int, n: float) -> list[ModelConfig]:
    """The shapes of the two depths nearest to `n` with this number of heads."""
    width = round(heads * like.d_model / like.n_heads)
    hidden = None if like.d_ff is None else max(1, round(width * like.d_ff / like.d_model))
    least = min(2, like.n_layers)  # one layer is off the trend of deeper models (Kaplan 2020, Figure 6)
    shallow = dataclasses.replace(like, d_model=width, n_heads=heads, d_ff=hidden, n_layers=least)
    layer = size(dataclasses.replace(shallow, n_layers=least + 1)) - size(shallow)
    if layer == 0:  # all layers share one's parameters
        return [dataclasses.replace(shallow, n_layers=like.n_layers)]
    depth = least + max(0, math.floor((n - size(shallow)) / layer))
    return [dataclasses.replace(shallow, n_layers=layers) for layers in (depth, depth + 1)]


def _distance(shape: ModelConfig, like: ModelConfig, n: float) -> float:
    aspect = (shape.d_model / shape.n_layers) / (like.d_model / like.n_layers)
    return SIZE_WEIGHT * max(SIZE_TOLERANCE, abs(math.log(size(shape) / n))) + abs(math.log(aspect))
