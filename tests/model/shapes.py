"""The configurations that the model's tests run over, every option at least once; models and logits, each by
one compiled program, for run op by op they are hundreds of small ones."""

from functools import cache
from typing import Any

import jax

from quarry.model.config import ModelConfig, kaplan, modern
from quarry.model.transformer import Params, abstract, apply, build

SMALL = dict(d_model=16, n_layers=2, n_heads=2, context=8, vocab_size=32)

CONFIGS: dict[str, ModelConfig] = {
    "kaplan": kaplan(**SMALL),
    "modern": modern(**SMALL),
    "swiglu": modern(**SMALL, activation="swiglu", d_ff=24),
    "swiglu-bias": modern(**SMALL, activation="swiglu", bias=True, tied=True),
    "wide-heads": modern(**SMALL, head_dim=12, norm="layernorm"),
    "learned-untied": kaplan(**SMALL, tied=False, qk_norm=True),
    "gelu-rotary": modern(**SMALL, activation="gelu", qk_norm=False),
    "bf16": modern(**SMALL, compute_dtype="bfloat16"),
    "universal": modern(**SMALL, architecture="universal"),
    "lstm": modern(**SMALL, architecture="lstm"),
}

compiled = jax.jit(apply, static_argnums=0)


@cache
def drawn(config: ModelConfig, seed: int = 0) -> tuple[Any, Params]:
    """What `build` gives, drawn once: not for comparing two draws."""
    return abstract(config)[0], jax.jit(lambda: build(config, seed)[1])()
