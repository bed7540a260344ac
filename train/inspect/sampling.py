"""Text sampled from a trained model."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from quarry.checks import require
from quarry.model.layers import seed_key
from quarry.model.transformer import abstract, apply
from quarry.train.run.finished import TrainedModel

MOST_TOKENS = 2**20
"""Of one text: the random key of each is drawn beforehand."""


def sample(
    model: TrainedModel, prompt: str = "", tokens: int = 200, temperature: float = 1.0, seed: int = 0
) -> str:
    """Up to `tokens` tokens that follow `prompt`, which begins a document; ends where the model ends it.

    Each token is drawn from softmax(logits / temperature) given the last `context` tokens; temperature 0
    takes the most probable one. Raises ConfigError for settings out of range.
    """
    require(1 <= tokens <= MOST_TOKENS, f"tokens = {tokens}: must be at least 1 and at most {MOST_TOKENS:,}")
    require(0 <= temperature < np.inf, f"temperature = {temperature}: must not be negative or infinite")
    require(0 <= seed < 2**64, f"seed = {seed}: must be from 0 to 2^64 - 1")
    separator, draw = model.tokenizer.separator, _program(model, temperature)
    ids = [separator, *model.tokenizer.encode(prompt).tolist()]
    given = len(ids)
    for key in jax.random.split(seed_key(seed), tokens):
        token = draw(ids, key)
        if token == separator:
            break
        ids.append(token)
    return model.tokenizer.decode(np.array(ids[given:]))


def _program(model: TrainedModel, temperature: float) -> Callable[[list[int], jax.Array], int]:
    """The next token of a list of them, compiled once: the window is padded to the context."""
    config = dataclasses.replace(model.experiment.model, dropout=0.0)
    graph, context = abstract(config)[0], config.context
    possible = np.arange(config.vocab_size) < model.tokenizer.vocab_size

    @jax.jit
    def next_token(params, window_1xT, last, key):
        logits_V = jnp.where(possible, apply(graph, params, window_1xT)[last], -jnp.inf)
        if temperature == 0:
            return jnp.argmax(logits_V)
        return jax.random.categorical(key, logits_V / temperature)

    def draw(ids: list[int], key: jax.Array) -> int:
        recent = ids[-context:]
        window = np.zeros((1, context), np.int32)
        window[0, : len(recent)] = recent
        return int(next_token(model.params, window, len(recent) - 1, key))

    return draw
