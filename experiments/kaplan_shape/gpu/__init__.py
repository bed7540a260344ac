"""Shape on one GPU: 25 million parameters in 17 shapes, and the base by three seeds, on novels.

The base is the recipe's, 8 layers of 512 features with 8 heads. N is held within 2%. All is our choice.

Command: quarry sweep kaplan_shape/gpu --workdir runs/kaplan_shape, where the folder `novels` is; then
quarry points runs/kaplan_shape/gpu -o points.parquet and python -m quarry.experiments.kaplan_shape
points.parquet
"""

from quarry.experiments._scales import at_gpu
from quarry.experiments.kaplan_shape import fed_forward
from quarry.model.config import ModelConfig
from quarry.train.config.experiment import Experiment


def shape(d_model: int, n_layers: int, n_heads: int, d_ff: int | None = None) -> ModelConfig:
    """A model of the study. Layers beyond 16 are scanned: unrolled they take minutes to compile."""
    fields = {"n_layers": n_layers, "n_heads": n_heads, "d_ff": d_ff, "scan_layers": n_layers > 16}
    return at_gpu(d_model, **fields).model


BASE = shape(512, 8, 8)
N = 12 * 8 * 512**2
ASPECTS = {
    "l1": shape(1440, 1, 24),
    "l2": shape(1024, 2, 16),
    "l4": shape(720, 4, 12),
    "l16": shape(360, 16, 6),
    "l32": shape(256, 32, 4),
    "l128": shape(128, 128, 2),
}
"""By their layers."""
HEADS = {f"h{heads}": shape(512, 8, heads) for heads in (1, 2, 4, 16, 32, 64, 128)}
FEED_FORWARD = {
    f"f{ratio}": shape(d_model, 8, 8, fed_forward(N, 8, d_model))
    for ratio, d_model in ((1, 720), (2, 624), (8, 400), (16, 304))
}
"""By the ratio of d_ff to d_model, about."""


def point(model: ModelConfig) -> Experiment:
    """The point of a shape; the rate falls as 1 / d_model."""
    return at_gpu(**vars(model))
