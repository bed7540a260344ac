import pytest

from quarry.errors import ConfigError
from quarry.model.config import MeshConfig, ModelConfig, kaplan, modern


def test_presets_are_the_shapes_they_name():
    old, new = kaplan(64, 2, 4), modern(64, 2, 4)
    assert (old.norm, old.position, old.activation, old.d_hidden) == ("layernorm", "learned", "gelu", 256)
    assert old.tied
    assert (new.norm, new.position, new.qk_norm, new.tied) == ("rmsnorm", "rotary", True, False)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (dict(d_model=63, n_heads=2), r"d_model = 63 is not divisible by model\.n_heads = 2"),
        (dict(n_layers=0), "model.n_layers must be at least 1, not 0"),
        (dict(vocab_size=-1), "model.vocab_size must be at least 1, not -1"),
        (dict(d_model=6, n_heads=2), "rotary needs an even head dimension, not 3"),
        (dict(head_dim=-2), "model.head_dim must be at least 1, not -2"),
        (dict(d_ff=-4), "model.d_ff must be at least 1, not -4"),
    ],
)
def test_an_impossible_shape_is_named(fields, says):
    with pytest.raises(ConfigError, match=says):
        ModelConfig(**fields)


def test_an_impossible_mesh_is_named():
    with pytest.raises(ConfigError, match=r"mesh\.fsdp must be at least 1, not 0"):
        MeshConfig(fsdp=0)
