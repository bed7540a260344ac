"""The sizes of a run, resolved on its data: U, S and E in whole sequences and steps."""

import sys
from dataclasses import dataclass
from pathlib import Path

from quarry.checks import require
from quarry.train.config.branches import fork_step, fork_steps
from quarry.train.config.experiment import Experiment
from quarry.train.config.schedules import check_schedule
from quarry.train.data.mixture import corpora_in
from quarry.train.data.order import unique_sequences
from quarry.train.data.selection.stores import select_tokens
from quarry.train.data.store import Say, TokenStore, silent
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.tokenizers import vocabulary_size

MOST_PASSES_IN_A_BATCH = 16


@dataclass(frozen=True)
class RunSizes:
    """Resolved sizes of an experiment on its data: U and E in tokens, U also in sequences, S in steps."""

    unique_tokens: int
    n_sequences: int
    steps: int
    tokens: int

    @property
    def epochs(self) -> float:
        return self.tokens / self.unique_tokens


@dataclass(frozen=True)
class ConfiguredSizes:
    """Sizes that follow from a configuration without its corpus, None where U must be known for them.

    `first` is the number of steps that a branch shares with its trunk.
    """

    unique_tokens: int | None
    epochs: float | None
    steps: int | None = None
    tokens: int | None = None
    first: int = 0


def resolve_sizes(experiment: Experiment, store: TokenStore) -> RunSizes:
    """U, S and E of an experiment. Raises ConfigError or DataError if the data is too small for them."""
    context = experiment.model.context
    for split in ("validation", "test"):
        tokens = store.n_tokens(split)
        require(
            tokens > context, f"the {split} split has {tokens:,} tokens, less than one sequence of {context}"
        )
    available = store.n_tokens("train")
    data = experiment.data
    n_sequences = unique_sequences(data.unique_tokens or available - 1, context, available, data.draw)
    return _sizes(experiment, n_sequences)


def _sizes(experiment: Experiment, n_sequences: int) -> RunSizes:
    """The sizes on U of so many sequences. Raises ConfigError as `resolve_sizes`."""
    context = experiment.model.context
    _check_batch(experiment, n_sequences * context)
    steps = experiment.steps(n_sequences * context)
    check_schedule(experiment.schedule, steps)
    fork_steps(experiment, n_sequences * context)
    return RunSizes(
        unique_tokens=n_sequences * context,
        n_sequences=n_sequences,
        steps=steps,
        tokens=experiment.ramp.tokens(steps),
    )


def configured_sizes(experiment: Experiment, *, is_branch: bool) -> ConfiguredSizes:
    """The sizes of an experiment whose corpus is not here, which is taken to have the U that is named.

    Raises ConfigError or DataError for sizes that fit no corpus.
    """
    context, named = experiment.model.context, experiment.data.unique_tokens
    if named is None and experiment.duration.epochs is not None:
        return ConfiguredSizes(None, experiment.duration.epochs)
    unique = None if named is None else unique_sequences(named, context, sys.maxsize) * context
    if unique is not None:
        _sizes(experiment, unique // context)
    steps = experiment.steps(unique or 0)
    tokens, first = experiment.ramp.tokens(steps), fork_step(experiment, unique or 0) if is_branch else 0
    return ConfiguredSizes(unique, tokens / unique if unique else None, steps, tokens, first)


def _check_batch(experiment: Experiment, unique: int) -> None:
    """Raise ConfigError for a batch of many passes over U `unique` tokens, which no step can learn from."""
    batch = experiment.batch_tokens
    require(
        batch <= MOST_PASSES_IN_A_BATCH * unique,
        f"batch_tokens = {batch:,} is {batch / unique:,.0f} times the U = {unique:,} unique tokens, at most "
        f"{MOST_PASSES_IN_A_BATCH} times make sense: lower it, or raise data.unique_tokens",
    )
    drawn = batch * experiment.candidates
    require(
        experiment.online is None or drawn <= unique,
        f"data.selection = {experiment.data.selection} draws candidates of {drawn:,} tokens for a step, more "
        f"than the U = {unique:,} unique tokens: lower candidates or batch_tokens, or raise "
        "data.unique_tokens",
    )


def check_vocabulary(experiment: Experiment) -> None:
    """Raise ConfigError if the model has too small a vocabulary for the tokenizer; reads nothing."""
    tokens = vocabulary_size(experiment.data.tokenizer)
    require(
        experiment.model.vocab_size >= tokens,
        f"model.vocab_size = {experiment.model.vocab_size} is less than the {tokens} tokens of "
        f"data.tokenizer = {experiment.data.tokenizer}",
    )


def prepare_store(
    experiment: Experiment, cache: Path, *, verify: bool = True, quick: bool = False, say: Say = silent
) -> TokenStore:
    """The token store of an experiment, built if the cache does not have it; see `prepare_tokens`.

    Raises ConfigError as `check_vocabulary`.
    """
    check_vocabulary(experiment)
    data = experiment.data
    store = prepare_tokens(
        data.corpus,
        data.tokenizer,
        cache,
        validation_fraction=data.validation_fraction,
        test_fraction=data.test_fraction,
        near_duplicates=data.near_duplicates,
        held_out=data.held_out,
        verify=verify,
        quick=quick,
        say=say,
    )
    return select_tokens(store, data.selection, cache, verify=verify, quick=quick, say=say)


def prepare_others(
    experiment: Experiment, store: TokenStore, cache: Path, *, say: Say = silent
) -> dict[str, TokenStore]:
    """The stores of the texts of `evaluation.also` by name, in the tokenizer of the run's `store`.

    They are split by the rules of `store`, but names are held out only of corpora that the run trains on: no
    document of another is in training, and the patterns need not fit its names. Raises ConfigError if a
    validation split is shorter than one sequence, and DataError.
    """
    data, context, stores = experiment.data, experiment.model.context, {}
    made = store.manifest
    for name, corpus in experiment.evaluation.also:
        trained_on = corpus in corpora_in(made["corpus"])
        other = prepare_tokens(
            corpus,
            data.tokenizer,
            cache,
            validation_fraction=made.get("validation_fraction", data.validation_fraction),
            test_fraction=made.get("test_fraction", data.test_fraction),
            near_duplicates=made.get("near_duplicates"),
            held_out=tuple(made.get("held_out", ())) if trained_on else (),
            say=say,
            tokenizer=store.tokenizer,
        )
        tokens = other.n_tokens("validation")
        require(
            tokens > context,
            f"evaluation.also: the validation split of {name} = {corpus!r} has {tokens:,} tokens, less "
            f"than one sequence of {context}; raise data.validation_fraction = {data.validation_fraction}",
        )
        stores[name] = other
    return stores
