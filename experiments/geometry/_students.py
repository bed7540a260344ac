"""Students of teachers with d inputs (Sharma & Kaplan 2020, 2004.10802), in plain JAX and optax.

    python -m quarry.experiments.geometry._students -o students.csv --activations students

A teacher is a random function of d inputs, tanh(x A + b) C with 64 hidden units, scaled to a variance of one;
the larger its `sharpness`, which multiplies A, the less smooth it is. Its inputs are uniform in [-1, 1]^d and
reach the student through a random rotation into 16 dimensions. A student is an MLP of two hidden ReLU layers;
it sees fresh inputs in every step and minimises the squared error. Neither is a model that the trainer knows:
both are defined here alone.

The columns of the table: d, sharpness, teacher (its seed), width, steps, N (all parameters of the student)
and loss (the share of the teacher's variance that is left, on fresh inputs, after the rate has decayed). Rows
that the table has are kept, so that the command resumes. `--activations` also writes the last hidden layer of
the widest students, for `quarry dimension`.
"""

import argparse
import functools
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
from jaxtyping import Array, Float

DIMENSIONS = (2, 3, 4, 6, 8)
MOST = max(DIMENSIONS)
SHARPNESS = (1.0, 4.0)
WIDTHS = (6, 10, 17, 28, 48)
TEACHERS = (0, 1, 2)
EMBEDDED, HIDDEN = 16, 64
STEPS, LONGER, CHECKED = 4000, 16_000, (2, 8)
"""Steps of all students; then more, of those of the least smooth teachers of these d, to see what it does."""
BATCH, RATE, HELD_OUT, SEEN = 256, 1e-2, 2**16, 4096

Weights = dict[str, Array]


def make_teacher(d: int | Array, sharpness: float | Array, key: Array) -> Weights:
    """A tanh of one hidden layer; `mean` and `std` are those of its output, `rotation` embeds its inputs."""
    a, b, c, turn, draw = jax.random.split(key, 5)
    teacher = {
        "a": jax.random.normal(a, (MOST, HIDDEN)) * sharpness * (3 / d) ** 0.5,
        "b": jax.random.normal(b, (1, HIDDEN)),
        "c": jax.random.normal(c, (HIDDEN, 1)),
        "rotation": jnp.linalg.qr(jax.random.normal(turn, (EMBEDDED, MOST)))[0].T,
    }
    values = _hidden(teacher, draw_inputs(d, HELD_OUT, draw)) @ teacher["c"]
    return teacher | {"mean": values.mean(), "std": values.std()}


def draw_inputs(d: int | Array, count: int, key: Array) -> Float[Array, "B M"]:
    """Uniform in [-1, 1]^d; the other coordinates are zero, so that one program serves every d."""
    return jax.random.uniform(key, (count, MOST), minval=-1.0, maxval=1.0) * (jnp.arange(MOST) < d)[None]


def _hidden(teacher: Weights, x_BxM: Array) -> Array:
    return jnp.tanh(x_BxM @ teacher["a"] + teacher["b"])


def teach(teacher: Weights, d: int | Array, count: int, key: Array) -> tuple[Array, Array]:
    """Inputs as the student sees them [B, 16], and the teacher's values [B], of mean 0 and variance 1."""
    x_BxM = draw_inputs(d, count, key)
    values_Bx1 = _hidden(teacher, x_BxM) @ teacher["c"]
    return x_BxM @ teacher["rotation"], ((values_Bx1 - teacher["mean"]) / teacher["std"])[:, 0]


def make_student(width: int, key: Array) -> list[Weights]:
    """Weights of He et al. 2015 and biases of zero; layers of 16, width, width, 1."""
    sizes = (EMBEDDED, width, width, 1)
    keys = jax.random.split(key, 3)
    return [
        {"w": jax.random.normal(each, (a, b)) * (2 / a) ** 0.5, "b": jnp.zeros((1, b))}
        for each, a, b in zip(keys, sizes[:-1], sizes[1:], strict=True)
    ]


def last_layer(student: list[Weights], x_BxD: Array) -> Float[Array, "B W"]:
    """The activations that the output is linear in."""
    for layer in student[:-1]:
        x_BxD = jax.nn.relu(x_BxD @ layer["w"] + layer["b"])
    return x_BxD


def squared_error(student: list[Weights], x_BxD: Array, y_B: Array) -> Array:
    """Its mean; of a constant it would be 1."""
    output_Bx1 = last_layer(student, x_BxD) @ student[-1]["w"] + student[-1]["b"]
    return jnp.mean(jnp.square(output_Bx1[:, 0] - y_B))


@functools.partial(jax.jit, static_argnames=("width", "steps"))
def learn(
    d: int | Array, width: int, sharpness: float | Array, key: Array, steps: int = STEPS
) -> tuple[Array, Array]:
    """One student of one teacher: its held-out loss, its last layer on 4,096 fresh inputs [4096, width]."""
    own, first, order, held = jax.random.split(key, 4)
    teacher, student = make_teacher(d, sharpness, own), make_student(width, first)
    rate = optax.cosine_decay_schedule(RATE, steps)
    optimizer = optax.adam(rate, b2=0.99)

    def step(state: Any, key: Array) -> tuple[Any, None]:
        student, moments = state
        gradient = jax.grad(squared_error)(student, *teach(teacher, d, BATCH, key))
        update, moments = optimizer.update(gradient, moments)
        return (optax.apply_updates(student, update), moments), None

    (student, _), _ = jax.lax.scan(step, (student, optimizer.init(student)), jax.random.split(order, steps))
    x_BxD, y_B = teach(teacher, d, HELD_OUT, held)
    return squared_error(student, x_BxD, y_B), last_layer(student, x_BxD[:SEEN])


COLUMNS = {
    "d": pl.Int64,
    "sharpness": pl.Float64,
    "teacher": pl.Int64,
    "width": pl.Int64,
    "steps": pl.Int64,
    "N": pl.Int64,
    "loss": pl.Float64,
}


def parameters(width: int) -> int:
    """N of a student, biases and all."""
    return sum(leaf.size for leaf in jax.tree.leaves(make_student(width, jax.random.key(0))))


def learned(done: pl.DataFrame, activations: Path | None) -> Iterator[dict[str, Any]]:
    """A row for each student that is not in the table `done`; writes the last layer of the widest."""
    known = set(done.select(list(COLUMNS)[:5]).iter_rows())
    kinds = [(sharpness, d, STEPS) for sharpness in SHARPNESS for d in DIMENSIONS]
    kinds += [(max(SHARPNESS), d, LONGER) for d in CHECKED]
    for teacher, (sharpness, d, steps), width in itertools.product(TEACHERS, kinds, WIDTHS):
        about = (d, sharpness, teacher, width, steps)
        if about in known:
            continue
        loss, last = learn(d, width, sharpness, jax.random.key(teacher), steps)
        if activations is not None and width == max(WIDTHS) and steps == STEPS:
            activations.mkdir(parents=True, exist_ok=True)
            np.save(activations / f"d{d}-sharpness{sharpness:g}-teacher{teacher}.npy", np.asarray(last))
        yield dict(zip(COLUMNS, (*about, parameters(width), float(loss)), strict=True))


def main() -> None:
    """Write the table, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("students.csv"))
    parser.add_argument("--activations", type=Path)
    arguments = parser.parse_args()
    table = pl.DataFrame(schema=COLUMNS)
    if arguments.output.exists():
        table = pl.read_csv(arguments.output, schema=COLUMNS)
    for row in learned(table, arguments.activations):
        table = table.vstack(pl.DataFrame([row], COLUMNS))
        table.write_csv(arguments.output)
        print(row, flush=True)


if __name__ == "__main__":
    main()
