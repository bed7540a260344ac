"""Any values in the fields of an experiment and in a point file: sizes in 64 bits, or one sentence."""

import dataclasses
import math
from typing import Any, get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from quarry.errors import ConfigError
from quarry.model.config import MeshConfig, ModelConfig
from quarry.model.counting import count_parameters, flops_exact
from quarry.train.config.branches import branches, fork_steps
from quarry.train.config.experiment import (
    BranchConfig,
    CheckpointConfig,
    DataConfig,
    Duration,
    EvaluationConfig,
    Experiment,
    OptimizerConfig,
    RollbackConfig,
    ScheduleConfig,
)
from quarry.train.config.point_files import Point, load_point_file
from quarry.train.config.schedules import check_schedule, evaluation_steps, schedule
from quarry.train.launch.estimates import memory_bytes, seconds
from quarry.train.run.description import describe_model, experiment_as_json
from tests.analysis.fuzzing import QUIET

PARTS = (
    ModelConfig, MeshConfig, DataConfig, OptimizerConfig, ScheduleConfig, Duration, EvaluationConfig,
    CheckpointConfig, RollbackConfig, BranchConfig,
)  # fmt: skip
DEFAULTS = {kind: kind(steps=1) if kind is Duration else kind() for kind in (*PARTS, Experiment)}
UNIQUE_TOKENS = 10**6

LARGE = (128, 4096, 2**20, 2**31, 2**32, 2**62, 2**63, 10**18, 10**30, -(2**63))
WORDS = ("wsd", "cosine", "constant", "linear", "swiglu", "bpe:9", "full")

integers = st.one_of(st.integers(-2, 9), st.sampled_from(LARGE))
floats = st.one_of(
    st.floats(0, 1),
    st.sampled_from((math.nan, math.inf, -math.inf, -0.0, 1e308, 5e-324, 1e-300, 1.0, 2.0, 1e6)),
)
awkward = st.one_of(integers, floats, st.none(), st.booleans(), st.text(max_size=5), st.just([]), st.just({}))
tuples = st.lists(st.one_of(integers, floats, st.tuples(integers, integers)), max_size=3).map(tuple)


def values(kind: type, name: str):
    """Values of the declared type of a field, ordinary and extreme, and sometimes of another."""
    hint = str(get_type_hints(kind)[name])
    default = getattr(DEFAULTS[kind], name)
    fitting = [st.just(default)] * 6
    fitting += [integers] * ("int" in hint) + [floats] * ("float" in hint) + [tuples] * ("tuple" in hint)
    fitting += [st.sampled_from(("wsd", "cosine", "constant", "linear", "swiglu", "bpe:9", "full"))] * (
        "str" in hint
    )
    return st.one_of(*fitting, *fitting, awkward)


@st.composite
def fields(draw, kind: type) -> dict:
    """Some fields of a part, by name."""
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: draw(values(kind, name)) for name in draw(st.sets(st.sampled_from(names), max_size=4))}


EXPERIMENT_PARTS = {name: kind for name, kind in get_type_hints(Experiment).items() if kind in PARTS}


@st.composite
def changes(draw) -> dict:
    """Up to four fields of the experiment and of three of its parts, whose fields are a dictionary."""
    own = {name: value for name, value in draw(fields(Experiment)).items() if name not in EXPERIMENT_PARTS}
    chosen = draw(st.sets(st.sampled_from(sorted(EXPERIMENT_PARTS)), max_size=3))
    return own | {name: draw(fields(EXPERIMENT_PARTS[name])) for name in sorted(chosen)}


def changed(changes: dict) -> Experiment:
    """The experiment with these changes. Raises ConfigError for most."""
    parts = {name: kind for name, kind in EXPERIMENT_PARTS.items() if name in changes}
    return build(Experiment, changes | {name: build(kind, changes[name]) for name, kind in parts.items()})


def build(kind: type, changes: dict) -> Any:
    """`kind(**changes)` without the check of types that tests put before every function."""
    built = object.__new__(kind)
    for field in dataclasses.fields(kind):
        object.__setattr__(built, field.name, changes.get(field.name, getattr(DEFAULTS[kind], field.name)))
    built.__post_init__()
    return built


@QUIET
@given(changes())
def test_an_experiment_has_sizes_or_is_refused(changes):
    try:
        experiment = changed(changes)
        steps = experiment.steps(UNIQUE_TOKENS)
        check_schedule(experiment.schedule, steps)
        fork_steps(experiment, UNIQUE_TOKENS)
    except ConfigError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert 1 <= steps < 2**63
    assert experiment.ramp.tokens(steps) < 2**63
    assert evaluation_steps(steps, experiment.evaluation.count)[-1] == steps
    rate = schedule(experiment.schedule, experiment.optimizer.learning_rate, steps)
    assert all(0 <= rate(step) <= experiment.optimizer.learning_rate for step in (0, steps // 2, steps - 1))
    experiment_as_json(experiment)
    assert count_parameters(experiment.model).total > 0
    assert describe_model(experiment.model)["n_params"] > 0
    assert seconds(experiment, steps, 1e9) > 0
    assert memory_bytes(experiment) > 0
    assert flops_exact(experiment.model) > 0


@QUIET
@given(st.text(max_size=12), st.one_of(awkward, st.text(max_size=300)), awkward, awkward)
def test_a_point_file_is_read_or_refused_in_a_sentence(tmp_path_factory, stem, variant, doc, value):
    folder = tmp_path_factory.mktemp("study")
    file = folder / "point.py"
    file.write_text(
        "from math import inf, nan\n"
        "from quarry.train.config.experiment import Experiment\n"
        f"__doc__ = {doc!r}\n"
        f"config = Experiment() if {value!r} is not None else {value!r}\n"
        f"variants = {{{variant if not isinstance(variant, list | dict) else None!r}: config}}\n",
        encoding="utf-8",
    )
    try:
        points = load_point_file(file)
    except ConfigError as error:
        assert "Traceback" not in str(error)  # noqa: PT017
        return
    assert [point.name for point in points] == ["point", f"point-{variant}"]
    assert isinstance(branches(points[0]), list)
    assert isinstance(points[0], Point)
