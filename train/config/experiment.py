"""All that an experiment sets: one tree of frozen dataclasses, validated when built.

`Experiment` is the root; its parts come before it. The files that define experiments are read in
`point_files.py`.
"""

import dataclasses
import math
import re
from dataclasses import dataclass, field
from typing import Literal

from quarry.checks import check_types, require
from quarry.model.config import MeshConfig, ModelConfig
from quarry.model.counting import flops_6n
from quarry.train.config.batch_ramp import Ramp, check_ramp
from quarry.train.config.selection import Online, read_online, read_rule, rule_before_training


@dataclass(frozen=True)
class DataConfig:
    """The text: a corpus (`quarry data list` has all, docs/data.md more) and a tokenizer.

    Among them are `sotu`, `stdlib`, `folder:PATH` (text files, .jsonl, .parquet, or one file), `tfds:NAME`,
    `hf:NAME`, `synthetic:WORLD` and `mix:CORPUS=WEIGHT+CORPUS=WEIGHT`.
    """

    corpus: str = "sotu"
    tokenizer: str = "bytes"
    """`bytes`, `bpe:VOCABULARY`, trained on the training documents, or `pixels:LEVELS`."""
    unique_tokens: int | None = None
    """U, a prefix of one fixed shuffle of the documents; None: the whole training split."""
    draw: int = 0
    """Which U tokens: 0 for the prefix, 1 for the U tokens after it, and so on."""
    validation_fraction: float = 0.05
    """Share of the documents held out for validation; a corpus of few documents needs more. One or two
    documents are cut by position, and their last parts are held out."""
    test_fraction: float = 0.05
    """Share of the documents held out for the test."""
    near_duplicates: float | None = None
    """Before the split, drop one of two documents at least so similar (Jaccard, of five-word runs; 0.8 is
    usual), so that no held-out text has a near twin in training. None: only exact copies are dropped."""
    held_out: tuple[str, ...] = ()
    """Hold out the documents whose names fit one of these patterns (such as *-Washington-*), for validation
    and test in the ratio of their fractions, and train on all others. Text of another corpus is scored by
    evaluation.also."""
    selection: str = "random"
    """The rule that chooses the U training tokens, such as `gzip:middle`, or at each step the sequences to
    train on, such as `online:rho?reference=RUN` (docs/selection.md); validation and test are never chosen."""

    def __post_init__(self) -> None:
        check_types(self)
        read_rule(rule_before_training(self.selection))
        unique = self.unique_tokens
        require(unique is None or unique >= 1, f"data.unique_tokens must be at least 1, not {unique}")
        similarity = self.near_duplicates
        require(
            similarity is None or 0 < similarity <= 1,
            f"data.near_duplicates must be above 0 and at most 1, not {similarity}",
        )
        require("" not in self.held_out, f"data.held_out has an empty pattern: {self.held_out}")
        require(self.draw >= 0, f"data.draw must not be negative, not {self.draw}")
        require(
            unique is not None or self.draw == 0,
            f"data.draw = {self.draw} needs data.unique_tokens: there is one whole training split",
        )


@dataclass(frozen=True)
class OptimizerConfig:
    """AdamW (1711.05101). Weight decay is decoupled from the gradient, multiplied by the learning rate and
    applied to matrices only."""

    learning_rate: float = 3e-3
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.1
    clip_norm: float = 1.0
    """Gradients with a larger norm are scaled down to it."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("learning_rate", "epsilon", "clip_norm"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"optimizer.{name} must be positive and finite, not {value}")
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            require(0 <= value < 1, f"optimizer.{name} must lie in [0, 1), not {value}")
        decay = self.weight_decay
        require(0 <= decay < math.inf, f"optimizer.weight_decay must not be negative or infinite: {decay}")


@dataclass(frozen=True)
class ScheduleConfig:
    """The learning rate over a run, as fractions of its steps and of the peak rate."""

    kind: Literal["wsd", "cosine", "constant"] = "wsd"
    warmup: float = 0.02
    warmup_steps: int | None = None
    """Steps of warm-up in place of the fraction, the same in runs of every length."""
    decay: float = 0.2
    """wsd: the last part of the run, in which the rate decays."""
    shape: Literal["1-sqrt", "linear"] = "1-sqrt"
    """wsd: the shape of the decay (Hägele 2024, 2405.18392)."""
    final: float = 0.0
    """wsd, cosine: the rate at the end as a fraction of the peak."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("warmup", "decay", "final"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"schedule.{name} must lie in [0, 1], not {value}")
        steps = self.warmup_steps
        require(steps is None or steps >= 0, f"schedule.warmup_steps must not be negative: {steps}")
        overlap = self.kind == "wsd" and steps is None and self.warmup + self.decay > 1
        require(
            not overlap, f"schedule.warmup + schedule.decay = {self.warmup + self.decay} is more than the run"
        )


@dataclass(frozen=True)
class Duration:
    """The length of the run, in exactly one unit."""

    tokens: int | None = None
    """E, tokens processed."""
    epochs: float | None = None
    """k = E / U; may be fractional."""
    steps: int | None = None
    flops: float | None = None
    """C = 6 N E, N non-embedding."""

    def __post_init__(self) -> None:
        check_types(self)
        given = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        listed = ", ".join(f"{name} = {value}" for name, value in given.items()) or "none"
        require(
            len(given) == 1,
            f"duration needs exactly one of tokens, epochs, steps, flops; given: {listed} "
            "(set the others to None)",
        )
        for name, value in given.items():
            require(0 < value < math.inf, f"duration.{name} must be positive and finite, not {value}")

    def to_tokens(self, model: ModelConfig, ramp: Ramp, unique_tokens: int) -> float:
        """E as requested, before rounding to whole steps."""
        if self.tokens is not None:
            return self.tokens
        if self.epochs is not None:
            return self.epochs * unique_tokens
        if self.steps is not None:
            return ramp.tokens(self.steps)
        assert self.flops is not None
        return self.flops / flops_6n(model)


@dataclass(frozen=True)
class EvaluationConfig:
    """Held-out evaluation: the first tokens of the validation and test splits, in fp32."""

    validation_tokens: int = 131_072
    test_tokens: int = 131_072
    """Scored once, at the end; never used to choose anything."""
    count: int = 8
    """Validation measurements in a run: at the end, half way, a quarter of the way and so on."""
    noise_parts: int = 0
    """Where a step is one pass, each evaluation measures the noise scale on a batch in so many parts, which
    takes the time of a step. 0: it is measured only where a step has several passes, at no such cost."""
    also: tuple[tuple[str, str], ...] = ()
    """Other texts to score beside the validation split, as pairs (name, corpus): the validation split of that
    corpus in this run's tokenizer, as many tokens; logged as loss_on_NAME."""
    train_tokens: int = 0
    """Also score so many tokens of the run's own U, as the validation split is scored: loss_on_train."""
    token_classes: bool = False
    """Also log the validation loss by class of token: word starts, digits, copies, ... (loss_of_CLASS)."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("validation_tokens", "test_tokens", "count"):
            value = getattr(self, name)
            require(value >= 1, f"evaluation.{name} must be at least 1, not {value}")
        parts = self.noise_parts
        require(parts == 0 or parts >= 2, f"evaluation.noise_parts must be 0, or 2 and more, not {parts}")
        require(
            self.train_tokens >= 0, f"evaluation.train_tokens must not be negative, not {self.train_tokens}"
        )
        names = [name for name, _ in self.also]
        for name in names:
            known = name in ("train", "validation", "test") or names.count(name) > 1
            require(
                re.fullmatch("[a-z][a-z0-9_]*", name) is not None and not known,
                f"evaluation.also names a text {name!r}: each needs a name of its own of a-z, 0-9 and _, not "
                "train, validation or test",
            )


@dataclass(frozen=True)
class CheckpointConfig:
    """When the state is saved and which checkpoints are kept; the last one always is.

    These settings may change when a run is resumed.
    """

    every_seconds: float = 120.0
    """Time between temporary checkpoints."""
    keep: int = 2
    """How many of the newest checkpoints are kept."""
    at_tokens: tuple[int, ...] = ()
    """Permanent checkpoints: the first state after so many tokens."""
    best: bool = False
    """Also keep the state with the lowest validation loss so far."""
    grace_seconds: float | None = None
    """How long saving may take after a signal to stop; after that the run ends with the previous checkpoint.
    Set it below the time that the cluster allows before it kills the process. None: no limit."""

    def __post_init__(self) -> None:
        check_types(self)
        require(
            self.every_seconds >= 0, f"checkpoint.every_seconds must not be negative: {self.every_seconds}"
        )
        grace = self.grace_seconds
        require(grace is None or grace > 0, f"checkpoint.grace_seconds must be positive, not {grace}")
        require(self.keep >= 1, f"checkpoint.keep must be at least 1, not {self.keep}")
        for tokens in self.at_tokens:
            require(tokens >= 1, f"checkpoint.at_tokens must be positive, not {tokens}")


@dataclass(frozen=True)
class RollbackConfig:
    """What to do when the loss is not a number or spikes; both are always recorded."""

    times: int = 0
    """How often a run may roll back to a checkpoint before it and leave out the batches in between."""
    spike: float | None = None
    """A spike is a logged loss above this many times the running median; None: spikes are ignored."""
    window: int = 20
    """Number of logged losses in the median."""

    def __post_init__(self) -> None:
        check_types(self)
        require(self.times >= 0, f"rollback.times must not be negative: {self.times}")
        spike = self.spike
        require(spike is None or 1 < spike < math.inf, f"rollback.spike must be more than 1, not {spike}")
        require(self.window >= 1, f"rollback.window must be at least 1, not {self.window}")


@dataclass(frozen=True)
class BranchConfig:
    """Branches: shorter runs that start from this run's state where their own rate begins to decay.

    Each branch is a run of its own, such as `<point>-k4` for 4 epochs. See train/config/branches.py."""

    epochs: tuple[float, ...] = ()
    """Lengths of branches, in epochs."""
    tokens: tuple[int, ...] = ()
    """Lengths of branches, in tokens."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("epochs", "tokens"):
            values = getattr(self, name)
            labels = {f"{value:g}" for value in values} if name == "epochs" else set(values)
            require(len(labels) == len(values), f"branches.{name} names a length twice: {values}")
            for value in values:
                require(0 < value < math.inf, f"branches.{name} must be positive and finite, not {value}")

    def __bool__(self) -> bool:
        return bool(self.epochs or self.tokens)


@dataclass(frozen=True)
class Experiment:
    """One scale point."""

    model: ModelConfig = field(default_factory=ModelConfig)
    duration: Duration = field(default_factory=lambda: Duration(tokens=1_000_000))
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    rollback: RollbackConfig = field(default_factory=RollbackConfig)
    branches: BranchConfig = field(default_factory=BranchConfig)
    mesh: MeshConfig = field(default_factory=MeshConfig)
    batch_tokens: int = 4096
    """B, tokens per optimiser step; a whole number of sequences."""
    batch_ramp: tuple[tuple[int, int], ...] = ()
    """Smaller batches first, as pairs (until so many tokens are processed, tokens per step)."""
    micro_batch_tokens: int | None = None
    """Tokens per device in one forward and backward pass; gradients accumulate over the passes of a step.
    None: about 512 on a CPU, where small passes stay in its cache, and the whole batch on an accelerator."""
    seed_init: int = 0
    """Seed of the first parameters, from 0 to 2^63 - 1."""
    seed_order: int = 0
    """Seed of the order of the sequences and of dropout, in the same range."""
    log_every: int = 10
    """Steps between rows of metrics.jsonl."""
    tracking: tuple[Literal["tensorboard", "wandb", "trackio"], ...] = ()
    """Trackers that receive the metrics in addition to the JSONL record."""

    def __post_init__(self) -> None:
        check_types(self)
        context = self.model.context
        for name in ("batch_tokens", "micro_batch_tokens"):
            value = getattr(self, name)
            require(
                value is None or (value >= context and value % context == 0),
                f"{name} = {value} is not a whole number of sequences of model.context = {context} tokens",
            )
        check_ramp(self.batch_ramp, context)
        check_trunk(self.schedule, self.branches)
        require(self.log_every >= 1, f"log_every must be at least 1, not {self.log_every}")
        for name in ("seed_init", "seed_order"):
            value = getattr(self, name)
            require(0 <= value < 2**63, f"{name} must be a non-negative 63-bit integer, not {value}")
        require(
            self.online is None or self.evaluation.noise_parts == 0,
            f"evaluation.noise_parts = {self.evaluation.noise_parts} measures batches as they are drawn, and "
            f"data.selection = {self.data.selection} chooses from them: leave one of the two out",
        )

    @property
    def online(self) -> Online | None:
        """The rule that chooses while training, if there is one."""
        return read_online(self.data.selection)

    @property
    def candidates(self) -> int:
        """Sequences drawn for each one that is trained on."""
        return self.online.candidates if self.online else 1

    @property
    def ramp(self) -> Ramp:
        """The batch size of every step."""
        return Ramp(self.batch_ramp, self.batch_tokens, self.model.context)

    def steps(self, unique_tokens: int) -> int:
        """S, in whole optimiser steps, at least one."""
        ramp = self.ramp
        tokens = self.duration.to_tokens(self.model, ramp, unique_tokens)
        require(tokens < 2**62, f"the duration is {tokens:.3g} tokens: more than 64 bits can count in steps")
        return ramp.steps(tokens)


PROGRAMS_KEPT = 8
"""Compiled programs of one kind that a process keeps: a trunk and its branches share theirs."""


def same_programs(experiment: Experiment) -> Experiment:
    """The experiment reduced to the fields that its compiled programs depend on."""
    several = experiment.candidates > 1
    return Experiment(
        model=experiment.model,
        data=DataConfig(selection=f"online:loss?candidates={experiment.candidates}" if several else "random"),
        optimizer=dataclasses.replace(experiment.optimizer, learning_rate=1.0, weight_decay=0.0),
        batch_tokens=experiment.batch_tokens,
        micro_batch_tokens=experiment.micro_batch_tokens,
    )


def check_trunk(schedule: ScheduleConfig, branches: BranchConfig) -> None:
    """Raise ConfigError if the rate before the cooldown would differ between a run and its branches."""
    require(
        not branches or schedule.kind != "cosine",
        "branches need a rate that is constant before it falls: schedule.kind wsd or constant, not cosine",
    )
    require(
        not branches or schedule.warmup_steps is not None or schedule.warmup == 0,
        f"branches need schedule.warmup_steps: schedule.warmup = {schedule.warmup} is a share of each run, "
        "hence longer in this one than in its branches",
    )
