"""Experiment files written for a plan: they load, dry-run, keep the study's recipe and overwrite nothing."""

import dataclasses
import math

import pytest

from quarry.errors import ConfigError
from quarry.model.config import kaplan, modern
from quarry.model.counting import count_parameters
from quarry.train.config.branches import branches
from quarry.train.config.experiment import BranchConfig
from quarry.train.config.point_files import load_point_file
from quarry.train.launch.model_shapes import nearest_shape
from quarry.train.launch.scaffold import write_points
from tests.commands import quarry
from tests.conftest import ROOT
from tests.train.tiny import write_tiny

QUICKSTART = ROOT / "experiments" / "quickstart" / "n6k.py"


def size(config):
    return count_parameters(config.model).nonembedding


def configs(files):
    return [load_point_file(file)[0].config for file in files]


def test_points_of_a_study_with_a_recipe_use_it_by_import(tmp_path):
    from quarry.experiments.quickstart import recipe

    files = write_points([(27e3, 3e5), (1e6, 2e6)], QUICKSTART, tmp_path / "next")
    small, large = configs(files)
    assert small == recipe(d_model=32, tokens=300_000)
    assert large == recipe(d_model=large.model.d_model, tokens=2_000_000)
    assert size(large) == pytest.approx(1e6, rel=0.1)
    assert "from quarry.experiments.quickstart import recipe" in files[0].read_text()


def test_the_docstring_says_claim_expected_command_and_the_actual_size(tmp_path):
    (file,) = write_points([(27e3, 3e5)], QUICKSTART, tmp_path / "next", expected=["a loss of 1.9"])
    doc = load_point_file(file)[0].doc
    assert "N = 24,800 (planned: 27,000)" in doc
    assert "Expected: a loss of 1.9" in doc
    assert f"Command: quarry train {file}" in doc
    assert "Claim: " in doc


def test_points_of_one_file_keep_its_shape_and_scale_its_rate(tmp_path):
    like = write_tiny(tmp_path / "mine", layers=2)
    (file,) = write_points([(5e4, 1e5)], like, tmp_path / "next")
    config, old = configs([file, like])
    assert size(config) == pytest.approx(5e4, rel=0.06)
    assert config.model.d_head == old.model.d_head
    assert config.optimizer.learning_rate * config.model.d_model == pytest.approx(
        old.optimizer.learning_rate * old.model.d_model
    )
    changed = ("model", "duration", "optimizer", "data")
    assert dataclasses.replace(config, **{name: getattr(old, name) for name in changed}) == old
    assert "learning rate proportional to 1 / d_model" in load_point_file(file)[0].doc


@pytest.mark.parametrize("folder", ["next", "deep/er/next", "mine"])
def test_files_load_wherever_they_are(tmp_path, folder):
    like = write_tiny(tmp_path / "mine", name="1b-like.v2", layers=2)
    files = write_points([(5e4, 1e5), (3e4, 1e5, 2e4)], like, tmp_path / folder)
    first, second = configs(files)
    assert first.duration.tokens == 100_000
    assert second.data.unique_tokens == 20_000


def test_fresh_tokens_do_not_inherit_too_few_unique_ones(tmp_path):
    like = write_tiny(tmp_path / "mine", layers=2)
    files = write_points([(5e4, 1e5), (5e4, 2048), (5e4, 1e5, 4e3)], like, tmp_path / "next")
    more, within, repeated = configs(files)
    assert dataclasses.replace(more.data, unique_tokens=2048) == configs([like])[0].data
    assert [config.data.unique_tokens for config in (more, within, repeated)] == [None, 2048, 4000]
    assert "unique_tokens=None" in files[0].read_text()
    assert "unique_tokens" not in files[1].read_text()


def write_package(folder, data="DataConfig()"):
    """A point in a package whose recipe has other widths and rates than a change of the point would have."""
    like = write_tiny(folder, layers=2)
    (folder / "__init__.py").write_text(
        "from quarry.train.config.experiment import *\nfrom quarry.model.config import modern\n"
        "def recipe(d_model, tokens):\n"
        "    return Experiment(model=modern(d_model, 2, max(1, d_model // 8), context=32),\n"
        f"                      duration=Duration(tokens=tokens), batch_tokens=256, data={data})\n"
    )
    return like


def test_fresh_tokens_do_not_inherit_too_few_unique_ones_of_a_recipe(tmp_path):
    like = write_package(tmp_path / "smallrecipe", "DataConfig(unique_tokens=4096)")
    more, within = write_points([(5e4, 1e5), (5e4, 4e3)], like, tmp_path / "next")
    assert [config.data.unique_tokens for config in configs([more, within])] == [None, 4096]
    assert "from smallrecipe import recipe" in more.read_text()


@pytest.mark.parametrize("name", ["my-study", "2nd", "class"])
def test_a_package_whose_name_no_import_can_hold_is_changed_by_file(tmp_path, name):
    like = write_package(tmp_path / name)
    (file,) = write_points([(5e4, 1e5)], like, tmp_path / "next")
    assert "import recipe" not in file.read_text()
    (config,) = configs([file])
    assert size(config) == pytest.approx(5e4, rel=0.06)


def test_a_recipe_that_is_not_installed_is_imported_from_beside_and_else_not(tmp_path):
    like = write_package(tmp_path / "ownstudy")
    (beside,) = write_points([(5e4, 1e5)], like, tmp_path / "next")
    (inside,) = write_points([(5e4, 1e5)], like, tmp_path / "ownstudy")
    (elsewhere,) = write_points([(5e4, 1e5)], like, tmp_path / "else" / "next")
    assert "from ownstudy import recipe" in beside.read_text()
    assert "from ownstudy import recipe" in inside.read_text()
    assert "recipe" not in elsewhere.read_text().split('"""')[2]
    assert configs([beside])[0].optimizer.learning_rate == 3e-3
    assert configs([elsewhere])[0].optimizer.learning_rate < 1e-2


def test_a_point_asked_for_twice_or_already_there_gets_other_seeds(tmp_path):
    planned = [(222e3, 403e3), (6e3, 403e3), (6288, 6_361_323), (40e3, 3e5), (40e3, 3e5), (40e3, 3e5)]
    assert {point.name for point in branches(load_point_file(QUICKSTART)[0])} >= {"n6k-t403000"}
    files = write_points(planned, QUICKSTART, tmp_path / "next")
    found = configs(files)
    assert [config.seed_init for config in found] == [1, 1, 1, 0, 1, 2]
    assert [config.seed_order for config in found] == [1, 1, 1, 0, 1, 2]
    assert len(set(files)) == 6


def test_a_point_like_one_with_branches_has_none_and_counts_them_as_there(tmp_path):
    like = ROOT / "experiments" / "kaplan_nd" / "n222k.py"
    files = write_points([(221_728, 5e5), (221_728, 2**20, 2**22)], like, tmp_path / "next")
    shorter, quarter = configs(files)
    assert (shorter.branches, quarter.branches) == (BranchConfig(), BranchConfig())
    assert (shorter.seed_init, quarter.seed_init) == (0, 1)  # a quarter of a pass is a branch there


def test_points_too_near_for_their_names_have_files_of_their_own(tmp_path):
    files = write_points([(40e3, 300_001), (40e3, 300_002)], QUICKSTART, tmp_path / "next")
    assert [config.duration.tokens for config in configs(files)] == [300_001, 300_002]


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path):
    (first,) = write_points([(40e3, 3e5)], QUICKSTART, tmp_path / "next")
    before = first.read_text()
    with pytest.raises(ConfigError, match="exists already"):
        write_points([(1e6, 3e5), (40e3, 3e5)], QUICKSTART, tmp_path / "next")
    assert first.read_text() == before
    assert list((tmp_path / "next").iterdir()) == [first]


def test_what_was_written_goes_when_a_later_file_cannot_be(tmp_path):
    points = [(40e3, 3e5), (1e6, 3e5)]
    _, second = write_points(points, QUICKSTART, tmp_path / "next")
    blocked = tmp_path / "more" / second.name
    blocked.parent.mkdir()
    blocked.symlink_to(tmp_path / "absent")
    with pytest.raises(ConfigError, match=f"cannot write .*{second.name}"):
        write_points(points, QUICKSTART, blocked.parent)
    assert list(blocked.parent.iterdir()) == [blocked]


@pytest.mark.parametrize(
    ("point", "says"),
    [
        ((2e3, 1e6), "N = 2000: the nearest model like .* has 6,"),
        ((math.nan, 1e6), "N = nan: a point needs"),
        ((1e5, math.inf), "E = inf: a point needs"),
        ((1e5, 100.0), "E = 100.0: .* at least 512"),
        ((1e5, 1e6, 0.0), "U = 0.0: a point needs"),
    ],
)
def test_points_that_cannot_be_are_refused_in_a_sentence(tmp_path, point, says):
    with pytest.raises(ConfigError, match=says):
        write_points([point], QUICKSTART, tmp_path / "next")
    assert not (tmp_path / "next").exists()


def test_a_bad_folder_or_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="study name"):
        write_points([(4e4, 3e5)], QUICKSTART, tmp_path / "-next round")
    with pytest.raises(ConfigError, match="no such scale-point file"):
        write_points([(4e4, 3e5)], tmp_path / "absent.py", tmp_path / "next")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        write_points([(4e4, 3e5)], QUICKSTART, tmp_path / "file" / "next")


@pytest.mark.slow
@pytest.mark.parametrize("like", [modern(64, 4, 4), kaplan(128, 8, 8), modern(256, 8, 4, d_ff=700)])
@pytest.mark.parametrize("n", [2e5, 1e6, 3e7, 2e9])
def test_the_nearest_shape_is_near_in_size_and_keeps_aspect_and_heads(like, n):
    shape = nearest_shape(like, n)
    assert count_parameters(shape).nonembedding == pytest.approx(n, rel=0.25)
    aspect = (shape.d_model / shape.n_layers) / (like.d_model / like.n_layers)
    assert 1 / 3 < aspect < 3
    assert shape.d_head == like.d_head


def test_a_path_with_quotes_is_written_as_a_valid_file(tmp_path):
    like = write_tiny(tmp_path / "mine", layers=2)
    (file,) = write_points([(5e4, 1e5)], like, tmp_path / 'o"""dd\\' / "next", expected=['a "loss"\\'])
    point = load_point_file(file)[0]
    assert 'Expected: a "loss"\\' in point.doc


@pytest.mark.slow
def test_the_written_study_survives_a_dry_run(tmp_path, cache):
    write_points([(40e3, 3e5), (40e3, 3e5), (1e5, 4e5)], QUICKSTART, tmp_path / "next")
    write_points([(5e3, 2e4, 5e3)], write_tiny(tmp_path / "mine", layers=2), tmp_path / "more")
    done = quarry(cache, "sweep", "next", "more", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {line.split()[0]: line.split()[1:5] for line in done.stdout.splitlines() if line.startswith("n")}
    assert rows["n55.6k_300k"][0] == rows["n55.6k_300k_seed1"][0] == "55.6k"
    assert rows["n55.6k_300k"][2] == "300k"
    assert rows[next(name for name in rows if name.endswith("_u5k"))][3] == "4"
