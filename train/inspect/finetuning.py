"""Fine-tuning of trained models on few labelled snippets, and their accuracy on snippets of other documents.

All weights are trained, and a linear head from zero, on the mean over positions of the last activations, less
its mean over the first examples. Every number of examples gets the same number of steps of the same batch, so
that one program serves all; the rate falls linearly to zero.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import polars as pl
from flax import nnx
from jaxtyping import Array, Float, Int

from quarry.checks import require
from quarry.errors import RecordError
from quarry.model.config import ModelConfig
from quarry.model.transformer import Params, abstract, build
from quarry.train.config.fine_tuning import FineTuning
from quarry.train.data.snippets import Labelled, Snippets
from quarry.train.data.splitting import SplitRules
from quarry.train.record.points_table import write_table
from quarry.train.run.description import describe_model
from quarry.train.run.finished import TrainedModel, read_trained, require_finished

AT_ONCE = 64
"""Snippets classified in one pass."""


COLUMNS = {
    "run": pl.String(),
    "n_nonembedding": pl.Int64(),
    "weights": pl.String(),  # what training began with: `run` or `random`
    "task": pl.String(),
    "split": pl.String(),  # of the snippets that are classified
    "rate": pl.Float64(),  # the first rate, as a share of the peak rate of the run
    "length": pl.Int64(),  # tokens of a snippet
    "steps": pl.Int64(),
    "batch": pl.Int64(),
    "examples": pl.Int64(),
    "draw": pl.Int64(),
    "accuracy": pl.Float64(),  # share of the test snippets
    "chance": pl.Float64(),
}
"""A row for each model, number of examples and draw. Classes are equally frequent, in training and test."""


KEY = ("run", "task", "weights", "split", "rate", "length", "steps", "batch", "examples", "draw")
"""What tells one row from another; a table is resumed by it."""


def fine_tune_runs(
    task: str, runs: Sequence[Path], output: Path, how: FineTuning, cache: Path
) -> pl.DataFrame:
    """Fine-tune the models of finished runs on a task and write the table, after each model and draw.

    The table has the columns `COLUMNS`; rows that `output` has are kept and not made again. Raises
    ConfigError if a run has not finished, if runs differ in their tokenizer or in the fractions of documents
    held out, or have read the documents of a task that is split by class, and as `read_trained` and
    `Snippets`.
    """
    require(bool(runs), "name a run directory")
    for run in runs:
        require_finished(run, cache)
    models = [read_trained(run, cache) for run in runs]
    snippets = Snippets(task, models[0].tokenizer, how.length, _rules(models), cache)
    if snippets.task.by_class:
        _check_unread(models, snippets.task.corpora)
    table = _read(output)
    for model in models:
        known = set(table.select(KEY).iter_rows())
        for row in fine_tuned(model, task, snippets, how, known):
            table = table.vstack(pl.DataFrame([row], COLUMNS))
            write_table(table, output)
    return table


def _rules(models: Sequence[TrainedModel]) -> SplitRules:
    """How the documents of all these runs were split."""
    data = [model.experiment.data for model in models]
    for name in ("tokenizer", "validation_fraction", "test_fraction"):
        values = {getattr(each, name) for each in data}
        require(len(values) == 1, f"runs of several data.{name}: {', '.join(map(str, sorted(values)))}")
    return SplitRules(data[0].validation_fraction, data[0].test_fraction)


def _check_unread(models: Sequence[TrainedModel], corpora: tuple[str, ...]) -> None:
    """A run of the same corpus has read documents that are in the test of a task with a split of its own."""
    for model in models:
        corpus = model.experiment.data.corpus
        require(corpus not in corpora, f"{model.run} was trained on {corpus}, which the task tests on")


def _read(output: Path) -> pl.DataFrame:
    """The rows there are. Raises RecordError for another table."""
    if not output.exists():
        return pl.DataFrame(schema=COLUMNS)
    try:
        read = pl.read_parquet(output) if output.suffix == ".parquet" else pl.read_csv(output)
        return read.select(COLUMNS.keys()).cast(COLUMNS)  # pyright: ignore[reportArgumentType]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise RecordError(f"{output} is no table of `quarry finetune` ({error}): name another") from None


def fine_tuned(
    model: TrainedModel, name: str, snippets: Snippets, how: FineTuning, known: Set[tuple] = frozenset()
) -> Iterator[dict[str, Any]]:
    """The rows of one model and task, as they are known, with the columns `COLUMNS`, but for `known` ones.

    Draw number i has the same examples for every model. Raises ConfigError for snippets longer than the
    context of the model.
    """
    config = model.experiment.model
    require(how.length <= config.context, f"length = {how.length} is more than the context of {model.run}")
    config = dataclasses.replace(config, compute_dtype="float32", dropout=0.0)
    peak = model.experiment.optimizer.learning_rate
    split, classes = "validation" if how.validation else "test", len(snippets.task.classes)
    test = snippets.draw(split, how.test, seed=0)
    about = {"run": model.run, "n_nonembedding": describe_model(config)["n_nonembedding"], "task": name}
    about |= {"weights": "random" if how.scratch else "run", "split": split}
    about |= {"length": how.length, "steps": how.steps, "batch": how.batch}
    for draw in range(how.draws):
        params = build(config, draw)[1] if how.scratch else model.params
        drawn = snippets.draw("train", max(how.examples), seed=1 + draw)
        for examples, rate in itertools.product(how.examples, how.rate):
            row = about | {"rate": rate, "examples": examples, "draw": draw}
            if tuple(row[column] for column in KEY) in known:
                continue
            batches = _batches(drawn, examples, how, draw)
            found = tune(config, classes, params, *batches, rate * peak, _padded(test.tokens))
            accuracy = float(np.mean(np.asarray(found)[: how.test] == test.labels))
            yield row | {"accuracy": accuracy, "chance": 1 / classes}


def _batches(drawn: Labelled, examples: int, how: FineTuning, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """The tokens [steps, batch, length] and labels [steps, batch]: permutations of the first `examples`."""
    rng, need = np.random.default_rng([draw, examples]), how.steps * how.batch
    order = np.concatenate([rng.permutation(examples) for _ in range(-(-need // examples))])[:need]
    shaped = order.reshape(how.steps, how.batch)
    return drawn.tokens[shaped], drawn.labels[shaped].astype(np.int32)


def _padded(tokens: np.ndarray) -> np.ndarray:
    """Rows in passes of `AT_ONCE` [passes, AT_ONCE, length], the last filled with zeros."""
    passes = -(-len(tokens) // AT_ONCE)
    filled = np.zeros((passes * AT_ONCE, tokens.shape[1]), np.int32)
    filled[: len(tokens)] = tokens
    return filled.reshape(passes, AT_ONCE, -1)


@functools.partial(jax.jit, static_argnums=(0, 1))
def tune(
    config: ModelConfig,
    classes: int,
    params: Params,
    tokens_SxBxT: Int[Array, "S B T"],
    labels_SxB: Int[Array, "S B"],
    rate: float | Array,
    test_PxBxT: Int[Array, "P C T"],
) -> Int[Array, " M"]:
    """Train on a batch in each step, then give the class of each test snippet [M = P * C]."""
    steps = len(tokens_SxBxT)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b2=0.99))
    weights: dict[str, Any] = {"model": params, "bias": jnp.zeros((1, classes))}
    weights["head"] = jnp.zeros((config.d_model, classes))
    standard = standardized(params, config, tokens_SxBxT.reshape(-1, tokens_SxBxT.shape[-1])[:AT_ONCE])

    def step(state: Any, batch: Any) -> tuple[Any, None]:
        weights, moments = state
        number, tokens_BxT, labels_B = batch
        gradient = jax.grad(classification_loss)(weights, config, standard, tokens_BxT, labels_B)
        update, moments = optimizer.update(gradient, moments)
        scale = -rate * (1 - number / steps)
        return (jax.tree.map(lambda w, u: w + scale * u, weights, update), moments), None

    batches = (jnp.arange(steps), tokens_SxBxT, labels_SxB)
    (weights, _), _ = jax.lax.scan(step, (weights, optimizer.init(weights)), batches)
    classify = lambda rows: class_logits(weights, config, standard, rows).argmax(-1)  # noqa: E731
    return jax.lax.map(classify, test_PxBxT).reshape(-1)


def features(params: Params, config: ModelConfig, tokens_BxT: Array) -> Float[Array, "B D"]:
    """The mean over positions of the model's last activations."""
    B, T = tokens_BxT.shape
    return nnx.merge(abstract(config)[0], params).hidden(tokens_BxT).reshape(B, T, -1).mean(1)


def standardized(params: Params, config: ModelConfig, tokens_BxT: Array) -> tuple[Array, Array]:
    """The mean of features [1, D] and the root of their mean variance, by the first examples.

    Without them all snippets have nearly the same features, and the head learns little else than a bias.
    """
    found_BxD = features(params, config, tokens_BxT)
    mean = found_BxD.mean(0, keepdims=True)
    return mean, jnp.sqrt(jnp.mean(jnp.square(found_BxD - mean)))


def class_logits(
    weights: dict[str, Any], config: ModelConfig, standard: tuple[Array, Array], tokens_BxT: Array
) -> Float[Array, "B K"]:
    """The head on standardized features."""
    mean, scale = standard
    return (features(weights["model"], config, tokens_BxT) - mean) / scale @ weights["head"] + weights["bias"]


def classification_loss(
    weights: dict[str, Any],
    config: ModelConfig,
    standard: tuple[Array, Array],
    tokens_BxT: Array,
    labels_B: Array,
) -> Array:
    """Mean cross-entropy of the classes, nats."""
    logits_BxK = class_logits(weights, config, standard, tokens_BxT)
    return optax.softmax_cross_entropy_with_integer_labels(logits_BxK, labels_B).mean()
