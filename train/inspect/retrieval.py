"""What a look-up of the training tokens adds to a finished run: the kNN-LM of Khandelwal et al. 2020
(1911.00172).

The key of a token of U is the input of the head that predicts it (the last residual stream, normalised), in
its own sequence as in training; the value is the token. Softening, temperature and share are chosen on the
validation split, and the losses measured on the test split. Both are read at evenly spaced sequences.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from quarry.checks import require
from quarry.model.transformer import Params
from quarry.train.config.experiment import Experiment
from quarry.train.data.feed import whole_sequences
from quarry.train.data.order import unique_sequences
from quarry.train.data.progress import tracked
from quarry.train.data.store import Split, TokenStore
from quarry.train.inspect.neighbours import look_up, mixed_losses, nearest
from quarry.train.inspect.states import SOFTENINGS, Text, read_text
from quarry.train.run.description import describe_model
from quarry.train.run.finished import TrainedModel, read_trained, require_finished
from quarry.train.run.sizes import prepare_store, resolve_sizes

TEMPERATURES = tuple(2.0**power for power in range(-8, 2))
"""As shares of the mean squared distance of the farthest neighbour looked up."""
SHARES = tuple(step / 100 for step in range(101))

COLUMNS = {
    "study": pl.String(),
    "point": pl.String(),
    "n_nonembedding": pl.Int64(),
    "unique_tokens": pl.Int64(),
    "tokens": pl.Int64(),
    "epochs": pl.Float64(),
    "weight_decay": pl.Float64(),
    "seed_init": pl.Int64(),
    "draw": pl.Int64(),  # which U tokens were looked up
    "neighbours": pl.Int64(),
    "scored_tokens": pl.Int64(),  # of the test split; all losses are in nats per token of it
    "model": pl.Float64(),  # the loss of the model
    "model_sem": pl.Float64(),  # over sequences
    "softened": pl.Float64(),  # of the model with its logits divided by `softening`
    "softening": pl.Float64(),
    "looked_up": pl.Float64(),  # of the look-up alone, mixed with the frequencies of the U tokens
    "looked_up_share": pl.Float64(),
    "mixture": pl.Float64(),  # of the model and the look-up
    "share": pl.Float64(),
    "temperature": pl.Float64(),
    "gain": pl.Float64(),  # model - mixture
    "gain_sem": pl.Float64(),  # over sequences
    "softened_mixture": pl.Float64(),  # of the softened model and the look-up
    "softened_share": pl.Float64(),
    "softened_gain": pl.Float64(),  # softened - softened_mixture
    "softened_gain_sem": pl.Float64(),
}
"""One row for each run."""


@dataclass(frozen=True)
class Retrieval:
    """How much is looked up, and the text that it is measured on."""

    tokens: int = 32_768
    """Of the validation and of the test split, at most all."""
    neighbours: int = 64
    draw: int | None = None
    """Which U tokens are looked up, as in data.draw; None: those that the run has read."""

    def __post_init__(self) -> None:
        for name, least in (("tokens", 1), ("neighbours", 1), ("draw", 0)):
            value = vars(self)[name]
            require(value is None or value >= least, f"{name} must be at least {least}, not {value}")


class HeldOut(NamedTuple):
    """A held-out text: the model's losses [softenings, Q], what a look-up says of its tokens."""

    losses: np.ndarray
    squared: np.ndarray
    """Squared distances of the neighbours [Q, count]."""
    follows: np.ndarray
    """Whether the token follows the neighbour [Q, count]."""
    frequencies: np.ndarray
    """The probability of each token by its frequency in U [Q]."""


class Mix(NamedTuple):
    """The temperature and the share of the look-up that give the least loss."""

    temperature: float
    share: float

    def losses(self, held: HeldOut, other: np.ndarray) -> np.ndarray:
        """Of each token [Q], mixed with the probabilities `other` [Q]."""
        looked_up = look_up(held.squared, held.follows, self.temperature)
        return mixed_losses(self.share, looked_up, other)


def retrieval_table(runs: Sequence[Path], cache: Path, retrieval: Retrieval) -> pl.DataFrame:
    """A row for each run directory, with the columns `COLUMNS`.

    Raises ConfigError if one has not finished, or none of its checkpoints can be read, and DataError if the
    corpus has no such draw.
    """
    for path in runs:
        require_finished(path, cache)
    rows = [retrieve(read_trained(path, cache), cache, retrieval) for path in tracked(runs, "looking up")]
    return pl.DataFrame(rows, schema=COLUMNS)


def retrieve(model: TrainedModel, cache: Path, retrieval: Retrieval) -> dict[str, Any]:
    """The row of a trained model, with the columns `COLUMNS`."""
    config, store = model.experiment, prepare_store(model.experiment, cache)
    sizes, context = resolve_sizes(config, store), config.model.context
    draw = config.data.draw if retrieval.draw is None else retrieval.draw
    count = unique_sequences(sizes.unique_tokens, context, store.n_tokens("train"), draw)
    trained = read_text(config.model, model.params, store, "train", draw * count + np.arange(count))
    validation, test = (
        held_out(config, model.params, store, trained, split, retrieval) for split in ("validation", "test")
    )
    study, point = model.run.split("/")
    return {
        "study": study,
        "point": point,
        "n_nonembedding": describe_model(config.model)["n_nonembedding"],
        "unique_tokens": sizes.unique_tokens,
        "tokens": sizes.tokens,
        "epochs": sizes.epochs,
        "weight_decay": config.optimizer.weight_decay,
        "seed_init": config.seed_init,
        "draw": draw,
        "neighbours": test.squared.shape[1],
        "scored_tokens": len(test.follows),
        **compared(validation, test, context),
    }


def compared(validation: HeldOut, test: HeldOut, context: int) -> dict[str, float]:
    """The losses on `test` by what is best on `validation`; errors over sequences of `context` tokens."""
    plain, soft = SOFTENINGS.index(1.0), int(validation.losses.mean(axis=1).argmin())
    odds = [np.exp(-held.losses.astype(np.float64)) for held in (validation, test)]
    alone = best_mix(validation, validation.frequencies)
    mix, softened = (best_mix(validation, odds[0][place]) for place in (plain, soft))
    mixture, soft_mixture = mix.losses(test, odds[1][plain]), softened.losses(test, odds[1][soft])
    of = {
        "model": test.losses[plain],
        "gain": test.losses[plain] - mixture,
        "softened_gain": test.losses[soft] - soft_mixture,
    }
    errors = {f"{name}_sem": standard_error(values, context) for name, values in of.items()}
    means = of | {
        "softened": test.losses[soft],
        "looked_up": alone.losses(test, test.frequencies),
        "mixture": mixture,
        "softened_mixture": soft_mixture,
    }
    chosen = {"softening": SOFTENINGS[soft], "temperature": mix.temperature, "share": mix.share}
    chosen |= {"looked_up_share": alone.share, "softened_share": softened.share}
    return {name: float(values.mean(dtype=np.float64)) for name, values in means.items()} | errors | chosen


def best_mix(held: HeldOut, other: np.ndarray) -> Mix:
    """The temperature and share of least loss, mixed with the probabilities `other` [Q]."""
    scale = max(float(held.squared[:, -1].mean()), sys.float_info.min)
    found = []
    for temperature in TEMPERATURES:
        looked_up = look_up(held.squared, held.follows, scale * temperature)
        for share in SHARES:
            loss = float(mixed_losses(share, looked_up, other).mean())
            found.append((loss, Mix(scale * temperature, share)))
    return min(found)[1]


def held_out(
    config: Experiment,
    params: Params,
    store: TokenStore,
    trained: Text,
    split: Split,
    retrieval: Retrieval,
) -> HeldOut:
    """A split at evenly spaced sequences, looked up in the `trained` tokens."""
    context, vocabulary = config.model.context, config.model.vocab_size
    there = whole_sequences(store, split, context)
    count = min(max(1, retrieval.tokens // context), there)
    text = read_text(config.model, params, store, split, np.arange(count) * there // count)
    found = nearest(text.states, trained.states, retrieval.neighbours)
    counts = np.bincount(trained.targets, minlength=vocabulary) + 1.0
    return HeldOut(
        losses=text.losses,
        squared=found.squared,
        follows=trained.targets[found.indices] == text.targets[:, None],
        frequencies=(counts / counts.sum())[text.targets],
    )


def standard_error(losses: np.ndarray, context: int) -> float:
    """Of the mean of losses [tokens], over sequences of `context`; NaN for a single one."""
    means = losses.reshape(-1, context).mean(axis=1, dtype=np.float64)
    return float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else math.nan
