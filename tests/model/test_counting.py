import dataclasses
import math

import jax
import pytest

from quarry.model.config import ModelConfig, kaplan, modern
from quarry.model.counting import (
    ParameterCount,
    count_parameters,
    flops_6n,
    flops_exact,
    forward_flops,
    training_bytes,
)
from quarry.model.transformer import abstract, apply
from tests.model.shapes import CONFIGS


def count_real_parameters(config: ModelConfig) -> ParameterCount:
    """The count of the parameters that the transformer would allocate."""
    _, shapes, _ = abstract(config)
    parts = {
        name: sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree)) for name, tree in shapes.items()
    }
    head = parts.pop("head", 0)
    embedding = parts.pop("embedding") + parts.pop("positions", 0)
    return ParameterCount(nonembedding=sum(parts.values()), head=head, embedding=embedding)


@pytest.mark.parametrize("name", CONFIGS)
def test_closed_form_equals_the_real_parameters(name):
    assert count_parameters(CONFIGS[name]) == count_real_parameters(CONFIGS[name])


def test_nonembedding_is_kaplans_12_n_d_squared_up_to_gains_and_biases():
    config = kaplan(768, 12, 12, context=1024, vocab_size=50257)
    count = count_parameters(config)
    assert count.nonembedding == pytest.approx(12 * 12 * 768**2, rel=2e-3)
    assert count.embedding == (50257 + 1024) * 768
    assert count.head == 0
    assert count.total == count.nonembedding + count.embedding


def test_forward_flops_are_kaplans_table_1():
    config = modern(64, 3, 4, context=128, vocab_size=256)
    parts = forward_flops(config)
    assert parts == {
        "embed": 4 * 64,
        "qkv": 2 * 3 * 64 * 3 * 64,
        "attention": 2 * 3 * 128 * 64,
        "project": 2 * 3 * 64 * 64,
        "feed_forward": 2 * 3 * 2 * 64 * 256,
        "head": 2 * 64 * 256,
    }
    assert forward_flops(config, halve_causal=False)["attention"] == 2 * parts["attention"]
    matrices = parts["qkv"] + parts["project"] + parts["feed_forward"]
    assert flops_6n(config) == pytest.approx(3 * matrices, rel=1e-2)
    assert flops_exact(config) == 3 * (matrices + parts["attention"] + parts["head"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kaplan", "swiglu", "wide-heads"])
def test_exact_flops_agree_with_what_xla_counts(name):
    """XLA counts the full, unhalved attention, and elementwise work that the closed form leaves out."""
    config = CONFIGS[name].__class__(
        **(vars(CONFIGS[name]) | dict(d_model=128, d_ff=512, context=64, head_dim=64))
    )
    graph, shapes, _ = abstract(config)
    tokens = jax.ShapeDtypeStruct((4, config.context), "int32")
    cost = jax.jit(lambda p, t: apply(graph, p, t)).lower(shapes, tokens).cost_analysis()
    parts = forward_flops(config, halve_causal=False)
    ours = (sum(parts.values()) - parts["embed"]) * math.prod(tokens.shape)
    assert ours <= cost["flops"] <= 1.15 * ours


def test_training_takes_the_state_of_adamw_and_a_gradient():
    config = modern(16, 2, 2, context=32)
    n = count_parameters(config).total
    assert training_bytes(config) == 16 * n
    assert training_bytes(dataclasses.replace(config, param_dtype="bfloat16")) == 14 * n
