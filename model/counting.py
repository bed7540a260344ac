"""Parameters and FLOPs of a model, in closed form.

There are three conventions for FLOPs, because exponents depend on them (Porian 2024, 2406.19146; Pearce &
Song 2024, 2406.12907): `6 N`, `exact`, and XLA's count (`quarry.train.run.step_inputs`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quarry.model.config import ModelConfig


@dataclass(frozen=True)
class ParameterCount:
    """Parameters by part. A tied head counts as input embedding, so that nothing is counted twice."""

    nonembedding: int
    """N of Kaplan 2020: all but the token and position embeddings and the head."""
    head: int
    embedding: int
    """Token embedding and, if learned, position embedding."""

    @property
    def total(self) -> int:
        return self.nonembedding + self.head + self.embedding


def count_parameters(config: "ModelConfig") -> ParameterCount:
    """Closed form. Without biases and gains the non-embedding part of a Transformer is Kaplan's eq. 2.1,
    2 d_model n_layers (2 d_attn + d_ff), and of an LSTM 8 d_model^2 n_layers."""
    D = config.d_model
    positions = config.context * D * (config.position == "learned")
    return ParameterCount(
        nonembedding=config.n_own_layers * _layer_parameters(config) + _norm_parameters(config, D),
        head=0 if config.tied else D * config.vocab_size,
        embedding=D * config.vocab_size + positions,
    )


def _layer_parameters(config: "ModelConfig") -> int:
    D, A, F, K = config.d_model, config.d_attn, config.d_hidden, config.d_head
    if config.architecture == "lstm":
        return 8 * D**2 + 4 * D + _norm_parameters(config, D)
    feed_forward_maps = 3 if config.activation == "swiglu" else 2
    matrices = 4 * D * A + feed_forward_maps * D * F
    biases = (3 * A + D + (feed_forward_maps - 1) * F + D) * config.bias
    return matrices + biases + _norm_parameters(config, 2 * D + 2 * K * config.qk_norm)


def _norm_parameters(config: "ModelConfig", features: int) -> int:
    """Gains, and offsets if there are any."""
    return (2 if config.norm == "layernorm" else 1) * features


def training_bytes(config: "ModelConfig") -> int:
    """Bytes of the parameters, their gradients and the two moments of AdamW: 16 a parameter in fp32.

    Parameters in bfloat16 take two bytes less each; the rest stays in fp32.
    """
    per_parameter = 14 if config.param_dtype == "bfloat16" else 16
    return per_parameter * count_parameters(config).total


def forward_flops(config: "ModelConfig", *, halve_causal: bool = True) -> dict[str, int]:
    """FLOPs per token of one forward pass, by part: Kaplan 2020, Table 1; the layers of an LSTM are one part.

    `attention` is scores and weighted values together, 4 n_layers context d_attn, halved by default because
    a causal query attends to half the context on average; halved it equals Table 1's "Mask" row. A multiply
    and an add are two FLOPs; norms, biases and non-linearities are not counted, as in that table.
    """
    L, D, A, F = config.n_layers, config.d_model, config.d_attn, config.d_hidden
    ends = {"embed": 4 * D, "head": 2 * D * config.vocab_size}
    if config.architecture == "lstm":
        return ends | {"lstm": 2 * L * 8 * D**2}
    feed_forward_maps = 3 if config.activation == "swiglu" else 2
    return ends | {
        "qkv": 2 * L * D * 3 * A,
        "attention": 4 * L * config.context * A // (2 if halve_causal else 1),
        "project": 2 * L * A * D,
        "feed_forward": 2 * L * feed_forward_maps * D * F,
    }


def flops_6n(config: "ModelConfig") -> int:
    """Training FLOPs per token as 6 N, N non-embedding (Kaplan 2020, section 2.1).

    A parameter that several layers share counts as often as it is used.
    """
    shared = (config.n_layers - config.n_own_layers) * _layer_parameters(config)
    return 6 * (count_parameters(config).nonembedding + shared)


def flops_exact(config: "ModelConfig", *, halve_causal: bool = True) -> int:
    """Training FLOPs per token with head and attention: three forward passes (backward = 2 forward).

    The embedding look-up is not counted: a gather multiplies nothing.
    """
    parts = forward_flops(config, halve_causal=halve_causal)
    return 3 * (sum(parts.values()) - parts["embed"])
