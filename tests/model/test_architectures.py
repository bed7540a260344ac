"""Layers other than a Transformer's: one block applied several times, and LSTMs."""

import dataclasses

import jax
import numpy as np
import pytest
from flax import nnx

from quarry.errors import ConfigError
from quarry.model.config import modern
from quarry.model.counting import count_parameters, flops_6n, flops_exact
from quarry.model.layers import Keys
from quarry.model.lstm import Lstm
from quarry.model.transformer import abstract
from tests.model.shapes import CONFIGS, SMALL, compiled, drawn


@pytest.mark.slow
def test_a_universal_transformer_is_a_transformer_whose_blocks_are_equal():
    tokens = jax.random.randint(jax.random.key(7), (3, SMALL["context"]), 0, SMALL["vocab_size"])
    graph, one = drawn(CONFIGS["universal"])
    equal = jax.tree.map(lambda leaf: np.repeat(leaf, SMALL["n_layers"], axis=0), one["blocks"])
    blocks = abstract(CONFIGS["modern"])[0]
    np.testing.assert_array_equal(
        compiled(graph, one, tokens), compiled(blocks, one | {"blocks": equal}, tokens)
    )


@pytest.mark.slow
def test_an_lstm_is_that_of_flax():
    """Flax's gates are input, forget, new value, output, each with a matrix of its own."""
    D, T = 8, 5
    ours = Lstm(Keys(jax.random.key(0)), modern(D, 1, 1))
    theirs = nnx.LSTMCell(D, D, rngs=nnx.Rngs(0))
    gates = (theirs.ii, theirs.hi), (theirs.if_, theirs.hf), (theirs.io, theirs.ho), (theirs.ig, theirs.hg)
    for place, (from_input, from_output) in enumerate(gates):
        own = slice(place * D, (place + 1) * D)
        from_input.kernel[...] = np.asarray(ours.kernel)[:, own]
        from_output.kernel[...] = np.asarray(ours.recurrent)[:, own]
        from_output.bias[...] = np.asarray(ours.bias)[own]
    x_BxTxD = jax.random.normal(jax.random.key(1), (2, T, D))
    expected = nnx.jit(lambda rnn, x: rnn(x))(nnx.RNN(theirs), x_BxTxD)
    found = nnx.jit(lambda lstm, x: lstm(x, T))(ours, x_BxTxD.reshape(-1, D))
    np.testing.assert_allclose(found.reshape(2, T, D), expected, atol=1e-6)


def test_shared_parameters_count_once_and_their_products_as_often_as_they_are_made():
    one, several = (modern(64, layers, 4, architecture="universal") for layers in (1, 6))
    own = dataclasses.replace(several, architecture="transformer")
    assert count_parameters(one) == count_parameters(several)
    assert (flops_6n(several), flops_exact(several)) == (flops_6n(own), flops_exact(own))


def test_the_matrices_of_an_lstm_are_eight_squares():
    config = modern(512, 4, 8, architecture="lstm")
    assert count_parameters(config).nonembedding == pytest.approx(8 * 4 * 512**2, rel=3e-3)
    assert flops_exact(config) == pytest.approx(flops_6n(config) + 6 * 512 * 256, rel=3e-3)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (dict(architecture="lstm", parametrization="mup"), "model.parametrization = mup is for"),
        (dict(architecture="lstm", position="learned"), "an LSTM reads tokens in order"),
    ],
)
def test_what_does_not_go_together_is_refused(fields, says):
    with pytest.raises(ConfigError, match=says):
        modern(**SMALL, **fields)
