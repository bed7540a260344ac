import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry.errors import ConfigError
from quarry.model.config import modern
from quarry.model.counting import count_parameters, flops_6n
from quarry.train.config.branches import branches
from quarry.train.config.experiment import DataConfig, Duration, Experiment, OptimizerConfig, ScheduleConfig
from quarry.train.config.point_files import find_study, load_point_file
from quarry.train.run.compatibility import first_difference
from tests.conftest import ROOT

MODEL = modern(16, 2, 2, context=8)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: Duration(tokens=1, steps=1), "exactly one of .*; given: tokens = 1, steps = 1"),
        (lambda: Duration(), "given: none"),
        (lambda: Duration(epochs=-1.0), "duration.epochs must be positive and finite, not -1.0"),
        (
            lambda: OptimizerConfig(learning_rate=0.0),
            "learning_rate must be positive and finite, not 0.0",
        ),
        (lambda: OptimizerConfig(beta2=1.0), r"optimizer.beta2 must lie in \[0, 1\), not 1.0"),
        (lambda: ScheduleConfig(warmup=0.6, decay=0.6), "= 1.2 is more than the run"),
        (lambda: DataConfig(unique_tokens=0), "data.unique_tokens must be at least 1, not 0"),
        (lambda: Experiment(model=MODEL, batch_tokens=12), "batch_tokens = 12 is not a whole number"),
        (lambda: Experiment(seed_init=-1), "seed_init must be a non-negative 63-bit integer, not -1"),
        (lambda: Duration(steps=10**30), r"Duration.steps = 10{30} does not fit in 64 bits"),
        (lambda: DataConfig(corpus="folder:a\udcff"), r"DataConfig.corpus = 'folder:a\\udcff' is not UTF-8"),
        (lambda: Experiment(batch_ramp=((10**20, 128),)), r"batch_ramp = 10{20} does not fit in 64 bits"),
        (lambda: Experiment(duration=Duration(epochs=1e308)).steps(10**6), "the duration is inf tokens"),
        (
            lambda: Experiment(duration=Duration(steps=10**18)).steps(1),
            r"is 4.1e\+21 tokens: more than 64 bits",
        ),
    ],
)
def test_a_bad_field_is_named_with_its_value(build, says):
    with pytest.raises(ConfigError, match=says):
        build()


@given(st.integers(1, 10**6), st.integers(1, 10**4))
def test_the_four_units_of_duration_agree(steps, unique_sequences):
    batch, unique = 64, 8 * unique_sequences
    tokens = steps * batch
    durations = [
        Duration(steps=steps),
        Duration(tokens=tokens),
        Duration(epochs=tokens / unique),
        Duration(flops=float(tokens * flops_6n(MODEL))),
    ]
    experiments = [
        Experiment(model=MODEL, batch_tokens=batch, micro_batch_tokens=8, duration=d) for d in durations
    ]
    assert {experiment.steps(unique) for experiment in experiments} == {steps}


def write(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


GOOD = """'''Claim.'''
from quarry.train.config.experiment import Experiment
config = Experiment(batch_tokens=2048)
"""


def test_a_file_gives_its_point_and_its_variants(tmp_path):
    text = GOOD + "variants = {'seed1': Experiment(seed_init=1)}\n"
    points = load_point_file(write(tmp_path / "study", "small.py", text))
    assert [point.run for point in points] == ["study/small", "study/small-seed1"]
    assert points[1].config.seed_init == 1
    assert points[0].doc == "Claim."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "does not define `config`"),
        ("config = 3", "config is a int, not an Experiment"),
        (
            GOOD + "class Mine(Experiment): pass\nconfig = Mine()",
            "config is a Mine, not an Experiment itself",
        ),
        (GOOD + "class Stop(BaseException): pass\nraise Stop('here')", "does not run: Stop: here"),
        (GOOD + "__doc__ = 5", "its docstring is a int, not text"),
        (GOOD + "variants = {1: config}", "variant name 1 may hold only letters"),
        (GOOD + "variants = {'x' * 300: config}", "has 300 characters, at most 200 can be used"),
        ("config = 1/0", "does not run: ZeroDivisionError"),
        ("config =", "does not run: SyntaxError"),
        (GOOD + "variants = 3", "`variants` must be a dict"),
        (GOOD + "variants = {'../up': config}", "variant name '../up' may hold only"),
        (GOOD + "config = Experiment(batch_tokens=1)", "batch_tokens = 1 is not a whole number"),
    ],
)
def test_a_bad_file_is_one_sentence(tmp_path, text, says):
    with pytest.raises(ConfigError, match=says) as caught:
        load_point_file(write(tmp_path / "study", "small.py", text))
    assert "\n" not in str(caught.value)


def test_two_studies_of_one_folder_name_have_their_own_recipes(tmp_path):
    recipe = "from quarry.train.config.experiment import Experiment\nconfig = Experiment(log_every={})\n"
    for number, place in enumerate(("a", "b"), start=1):
        study = tmp_path / place / "mystudy"
        study.mkdir(parents=True)
        write(study, "__init__.py", recipe.format(number))
        write(
            study, "small.py", f"from mystudy import config\nimport helper\nassert helper.at == {place!r}\n"
        )
        write(tmp_path / place, "helper.py", f"at = {place!r}\n")
    files = [tmp_path / place / "mystudy" / "small.py" for place in "aba"]
    assert [load_point_file(file)[0].config.log_every for file in files] == [1, 2, 1]


def test_names_cannot_leave_the_run_directory(tmp_path):
    with pytest.raises(ConfigError, match="point name"):
        load_point_file(write(tmp_path / "study", "-x y.py", GOOD))
    with pytest.raises(ConfigError, match="no such scale-point file"):
        load_point_file(tmp_path / "absent.py")


def test_studies_are_found_by_name_and_by_folder(tmp_path):
    write(tmp_path / "mine", "a.py", GOOD)
    write(tmp_path / "mine", "table.py", 'if __name__ == "__main__":\n    print("a program")\n')
    assert [file.name for file in find_study(str(tmp_path / "mine"), [])] == ["a.py"]
    said = 'if __name__ == "__main__":\n    print("a point that says so")\n'
    write(tmp_path / "both", "b.py", f"{GOOD}\n{said}")
    write(tmp_path / "both", "c.py", f'"""A point.\n\n{said}"""\n{GOOD}')
    assert [file.name for file in find_study(str(tmp_path / "both"), [])] == ["b.py", "c.py"]
    assert len(find_study("quickstart", [ROOT / "experiments"])) >= 5
    with pytest.raises(ConfigError, match="no study 'nothing'"):
        find_study("nothing", [ROOT / "experiments"])
    with pytest.raises(ConfigError, match=r"^no study 'quikstart': did you mean quickstart\?$"):
        find_study("quikstart", [ROOT / "experiments"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no scale-point file"):
        find_study(str(tmp_path / "empty"), [])
    write(tmp_path / "empty" / "gpu", "a.py", GOOD)
    with pytest.raises(ConfigError, match=r"holds no scale-point file; look into .*/empty/gpu$"):
        find_study(str(tmp_path / "empty"), [])


LADDERS = {"smoke": (6, 25e3), "cpu": (36, 394e3), "gpu": (20, 85e6), "tpu": (15, 1.61e9)}


@pytest.mark.slow
@pytest.mark.parametrize(("ladder", "files", "largest"), [(name, *rest) for name, rest in LADDERS.items()])
def test_every_file_of_the_study_of_epochs_is_a_trunk_of_the_size_it_names(ladder, files, largest):
    study = find_study(f"epochs/{ladder}", [ROOT / "experiments"])
    points = [point for file in study for point in load_point_file(file)]
    assert len(study) == files
    for point in points:
        assert f"quarry sweep experiments/epochs/{ladder}/{point.file.name}" in point.doc
        shorter = [branch.config.steps(2**29) for branch in branches(point)]
        assert shorter
        assert sorted(set(shorter)) == shorter
        assert shorter[-1] < point.config.steps(2**29)
    sizes = [count_parameters(point.config.model).nonembedding for point in points]
    assert max(sizes) == pytest.approx(largest, rel=0.02)


def test_first_difference_names_the_field():
    one, other = (dataclasses.asdict(Experiment(seed_init=seed)) for seed in (0, 1))
    assert first_difference(one, one) is None
    assert first_difference(one, other) == "seed_init: 0 -> 1"
    assert first_difference({"a": {"b": 1}}, {"a": {"b": 2}}) == "a.b: 1 -> 2"
    assert first_difference({}, {"new": 1}) == "new: None -> 1"
