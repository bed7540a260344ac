"""The shape of a model and of its device mesh, validated when built, and two presets. Needs no JAX."""

from dataclasses import dataclass
from typing import Any, Literal

from quarry.checks import check_types, require

Architecture = Literal["transformer", "universal", "lstm"]
Norm = Literal["rmsnorm", "layernorm"]
Position = Literal["rotary", "learned"]
Activation = Literal["gelu", "relu2", "swiglu"]
Dtype = Literal["float32", "bfloat16"]
Remat = Literal["none", "full", "dots"]
Parametrization = Literal["standard", "mup", "completep"]


@dataclass(frozen=True)
class ModelConfig:
    """A decoder-only language model. Widths are in units of features, `context` in tokens."""

    architecture: Architecture = "transformer"
    """What its layers are: blocks of a Transformer, one such block applied `n_layers` times (the Universal
    Transformer, 1807.03819), or LSTMs, to which heads, `d_ff`, `activation` and `qk_norm` mean nothing."""
    d_model: int = 64
    n_layers: int = 2
    n_heads: int = 2
    head_dim: int | None = None
    """Features per head; None means d_model / n_heads."""
    d_ff: int | None = None
    """Hidden width of the feed-forward block; None means 4 * d_model."""
    context: int = 128
    vocab_size: int = 256
    norm: Norm = "rmsnorm"
    position: Position = "rotary"
    activation: Activation = "relu2"
    bias: bool = False
    """Biases in the linear maps, as in GPT-2."""
    tied: bool = False
    """Share the input embedding with the head."""
    qk_norm: bool = True
    """Normalise queries and keys per head (Wortsman 2023, 2309.14322: stops attention-logit growth)."""
    parametrization: Parametrization = "standard"
    """How first weights, rates and multipliers follow the shape: muP (2203.03466) keeps the best rate of Adam
    as the width grows, CompleteP (2505.01618, alpha = 1) as width and depth do. At the base shape all three
    are equal; away from it the optimiser's settings are those that would be best there."""
    base_d_model: int = 64
    """The width at which the parametrization is `standard`."""
    base_n_layers: int = 2
    """The depth at which the parametrization is `standard`."""
    param_dtype: Dtype = "float32"
    """Dtype in which parameters are stored. In bfloat16 an update below 1/256 of a weight is rounded away;
    gradients and the optimiser's moments are always in fp32."""
    compute_dtype: Dtype = "float32"
    dropout: float = 0.0
    """Share of features dropped in training, of the embedding and of every block's output (1207.0580)."""
    scan_layers: bool = False
    """Compile one layer and loop over all of them, for deep models, which otherwise take minutes to compile.
    A few small layers run faster unrolled."""
    remat: Remat = "none"
    """Activations recomputed in the backward pass to save memory: none, every layer from its input (`full`),
    or all of a layer except its products with weights (`dots`)."""

    def __post_init__(self) -> None:
        check_types(self)
        for field in (
            *("d_model", "n_layers", "n_heads", "context", "vocab_size"),
            *("base_d_model", "base_n_layers"),
        ):
            value = getattr(self, field)
            require(value >= 1, f"model.{field} must be at least 1, not {value}")
        require(0 <= self.dropout < 1, f"model.dropout must lie in [0, 1), not {self.dropout}")
        require(
            self.parametrization == "standard" or self.architecture == "transformer",
            f"model.parametrization = {self.parametrization} is for model.architecture = transformer, "
            f"not {self.architecture}",
        )
        require(
            self.architecture != "lstm" or self.position != "learned",
            "model.position = learned is for Transformers: an LSTM reads tokens in order",
        )
        require(
            self.head_dim is not None or self.d_model % self.n_heads == 0,
            f"model.d_model = {self.d_model} is not divisible by model.n_heads = {self.n_heads}; "
            "change one, or set model.head_dim",
        )
        require(self.d_head >= 1, f"model.head_dim must be at least 1, not {self.head_dim}")
        require(self.d_hidden >= 1, f"model.d_ff must be at least 1, not {self.d_ff}")
        require(
            self.position != "rotary" or self.d_head % 2 == 0,
            f"model.position = rotary needs an even head dimension, not {self.d_head}",
        )

    @property
    def n_own_layers(self) -> int:
        """Layers with parameters of their own."""
        return 1 if self.architecture == "universal" else self.n_layers

    @property
    def d_head(self) -> int:
        """Features per head, K."""
        return self.d_model // self.n_heads if self.head_dim is None else self.head_dim

    @property
    def width_ratio(self) -> float:
        """d_model over that of the base; 1 in the standard parametrization."""
        return 1.0 if self.parametrization == "standard" else self.d_model / self.base_d_model

    @property
    def head_ratio(self) -> float:
        """d_head over that of the base, which has as many heads, or the same `head_dim` if that is set."""
        return self.width_ratio if self.head_dim is None else 1.0

    @property
    def depth_ratio(self) -> float:
        """n_layers over that of the base; 1 unless the parametrization covers depth."""
        return self.n_layers / self.base_n_layers if self.parametrization == "completep" else 1.0

    @property
    def d_attn(self) -> int:
        """Features of all heads together, H * K."""
        return self.n_heads * self.d_head

    @property
    def d_hidden(self) -> int:
        """Features of the feed-forward block, F."""
        return 4 * self.d_model if self.d_ff is None else self.d_ff


def kaplan(d_model: int, n_layers: int, n_heads: int, **fields: Any) -> ModelConfig:
    """The shape of Kaplan 2020 (2001.08361, section 2.1): GPT-2's block, tied head, d_ff = 4 d_model."""
    shape: dict[str, Any] = dict(
        norm="layernorm", position="learned", activation="gelu", bias=True, tied=True
    )
    shape |= dict(qk_norm=False, d_model=d_model, n_layers=n_layers, n_heads=n_heads)
    return ModelConfig(**(shape | fields))


def modern(d_model: int, n_layers: int, n_heads: int, **fields: Any) -> ModelConfig:
    """Rotary positions, RMSNorm, QK-norm, squared ReLU, no biases, untied head."""
    return ModelConfig(d_model=d_model, n_layers=n_layers, n_heads=n_heads, **fields)


@dataclass(frozen=True)
class MeshConfig:
    """Devices along each mesh axis; `data` = None: all devices that the other axes leave."""

    data: int | None = None
    fsdp: int = 1
    tensor: int = 1

    def __post_init__(self) -> None:
        check_types(self)
        for name, size in vars(self).items():
            require(size is None or size >= 1, f"mesh.{name} must be at least 1, not {size}")
