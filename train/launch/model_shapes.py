"""The shape of a model of about N parameters that is like another one."""

import dataclasses
import math

from quarry.model.config import ModelConfig
from quarry.model.counting import count_parameters

# Within this share of N the shape nearest to the given aspect ratio is taken; beyond, a factor in N counts as
# much as its fourth power in the aspect ratio.
_NEAR, _OF_SIZE = 0.05, 4.0

# Heads as far as this factor from those of the aspect ratio are tried, and no more than so many.
_HEADS, MOST_HEADS = 3, 1024


def size(model: ModelConfig) -> int:
    """Its non-embedding parameters."""
    return count_parameters(model).nonembedding


def nearest_shape(like: ModelConfig, n: float) -> ModelConfig:
    """The shape nearest to `n` parameters and to the aspect ratio of `like`, heads as wide as its own."""
    middle = like.n_heads * (n / size(like)) ** (1 / 3)
    low, high = (min(MOST_HEADS, math.ceil(heads)) for heads in (middle / _HEADS, middle * _HEADS))
    shapes = (shape for heads in range(low, high + 1) for shape in _depths(like, heads, n))
    return min(shapes, key=lambda shape: _distance(shape, like, n))


def _depths(like: ModelConfig, heads: int, n: float) -> list[ModelConfig]:
    """The two depths nearest to `n` with so many heads."""
    width = round(heads * like.d_model / like.n_heads)
    hidden = None if like.d_ff is None else max(1, round(width * like.d_ff / like.d_model))
    least = min(2, like.n_layers)  # one layer is off the trend of all others (Kaplan 2020, Figure 6)
    shallow = dataclasses.replace(like, d_model=width, n_heads=heads, d_ff=hidden, n_layers=least)
    layer = size(dataclasses.replace(shallow, n_layers=least + 1)) - size(shallow)
    depth = least + max(0, math.floor((n - size(shallow)) / layer))
    return [dataclasses.replace(shallow, n_layers=layers) for layers in (depth, depth + 1)]


def _distance(shape: ModelConfig, like: ModelConfig, n: float) -> float:
    aspect = (shape.d_model / shape.n_layers) / (like.d_model / like.n_layers)
    return _OF_SIZE * max(_NEAR, abs(math.log(size(shape) / n))) + abs(math.log(aspect))
