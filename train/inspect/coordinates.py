"""The coordinate check of muP (2203.03466, section D.1): do activations change as much at every width?

After a few steps the change of each activation since the first weights is measured. If it grows with the
width, so does what a given rate does, and no rate is best at all widths.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from flax import nnx
from jaxtyping import Array, Float, Int

from quarry.model.layers import layers_of
from quarry.model.sharding import make_mesh
from quarry.model.transformer import Params, abstract
from quarry.train.config.experiment import Experiment
from quarry.train.run.programs import compiled_step
from quarry.train.run.step import make_state, step_scalars

Shape = tuple[int, int]
"""d_model and n_layers."""


def coordinate_check(
    experiment: Experiment, shapes: Sequence[Shape], tokens: Int[np.ndarray, "S B T1"], seeds: int = 1
) -> pl.DataFrame:
    """A row for each shape, seed, step and activation: d_model, n_layers, seed, step, activation, change.

    `experiment` is trained at each of the `shapes` on tokens[s] in step s, T1 - 1 = its context, at its peak
    rate throughout. `change` is the root mean square over tokens[0] and features of the activation after the
    step less that of the first weights. Activations: see `activations`.
    """
    rows = []
    for d_model, n_layers in shapes:
        model = dataclasses.replace(experiment.model, d_model=d_model, n_layers=n_layers)
        for seed in range(seeds):
            shaped = dataclasses.replace(experiment, model=model, seed_init=seed)
            about = {"d_model": d_model, "n_layers": n_layers, "seed": seed}
            rows += [about | row for row in _changes(shaped, tokens)]
    return pl.DataFrame(rows)


def slopes(changes: pl.DataFrame, size: str, step: int) -> dict[str, float]:
    """Of each activation that all shapes have: d ln(change) / d ln(size) at a step; size is a column."""
    table = changes.filter(step=step).group_by(size, "activation").agg(pl.col("change").mean())
    everywhere = table.group_by("activation").len().filter(pl.col("len") == table[size].n_unique())
    return {
        name: float(np.polyfit(np.log(rows[size]), np.log(rows["change"]), 1)[0])
        for (name,), rows in table.join(everywhere, on="activation").group_by("activation")
    }


def _changes(experiment: Experiment, tokens: np.ndarray) -> Iterator[dict[str, Any]]:
    """A row for each step and activation of one shape."""
    mesh = make_mesh(experiment.mesh)
    step, state = compiled_step(experiment, mesh), make_state(experiment, mesh)
    scalars = step_scalars(experiment, experiment.optimizer.learning_rate)
    graph = abstract(experiment.model)[0]
    seen = jax.jit(lambda params: activations(graph, params, jnp.asarray(tokens[0, :, :-1])))
    first = seen(state.params)
    for number, batch in enumerate(tokens):
        state, _ = step(state, batch[:, :-1], batch[:, 1:], scalars)
        for name, now in seen(state.params).items():
            yield {"step": number, "activation": name, "change": float(_rms(now - first[name]))}


def activations(graph: Any, params: Params, tokens_BxT: Int[Array, "B T"]) -> dict[str, Float[Array, "M F"]]:
    """The embedding, the residual stream after the first and the last block, the logits; rows are tokens."""
    model, T = nnx.merge(graph, params), tokens_BxT.shape[1]
    streams = [model.embed(tokens_BxT)]
    for block in layers_of(model.blocks):
        streams.append(block(streams[-1], T, None))
    first = {"embedding": streams[0], "first block": streams[1], "last block": streams[-1]}
    return first | {"logits": model(tokens_BxT)}


def _rms(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(x)))
