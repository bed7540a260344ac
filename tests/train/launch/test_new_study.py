"""`quarry new`: the study it writes has the planned sizes and budgets, runs as it is, and harms nothing."""

import re
from pathlib import Path

import numpy as np
import pytest

from quarry.cli import run
from quarry.errors import ConfigError, DataError
from quarry.model.counting import count_parameters, flops_6n
from quarry.train.config.point_files import find_study, load_point_file
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.store_copying import copy_store
from quarry.train.launch.new_study import least_passes, write_study
from quarry.train.launch.study_design import FEWEST_STEPS, Design


def configs(files):
    return [load_point_file(file)[0].config for file in files]


def size(config):
    return count_parameters(config.model).nonembedding


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus") / "texts"
    folder.mkdir()
    for i in range(60):
        (folder / f"{i}.txt").write_text(f"The {i}th text says that {i} times {i} is {i * i}.\n" * 200)
    return folder


def test_every_size_gets_every_number_of_tokens(tmp_path, texts):
    design = Design(f"folder:{texts}", "bpe:512", sizes=4, params=(2e4, 6e5), tokens=(3e5, 9e5))
    found = configs(write_study(tmp_path / "grid_a", design))
    sizes = sorted({size(config) for config in found})
    assert len(found) == 8
    assert {config.duration.tokens for config in found} == {300_000, 900_000}
    np.testing.assert_allclose(sizes, np.geomspace(2e4, 6e5, 4), rtol=0.3)
    assert {config.model.vocab_size for config in found} == {512}
    assert min(config.duration.tokens / config.batch_tokens for config in found) >= FEWEST_STEPS


def test_sizes_at_a_budget_share_its_flops_and_surround_twenty_tokens_per_parameter(tmp_path, texts):
    budgets = (1e13, 1e14)
    found = configs(write_study(tmp_path / "budgets_a", Design(f"folder:{texts}", budgets=budgets)))
    flops = np.array([flops_6n(config.model) * config.duration.tokens for config in found])
    for budget in budgets:
        ratios = [
            config.duration.tokens / size(config)
            for config, own in zip(found, flops, strict=True)
            if own == pytest.approx(budget, rel=1e-4)
        ]
        assert len(ratios) == 5
        assert min(ratios) < 5 < 80 < max(ratios)


def test_wide_studies_have_wide_heads_and_keep_their_aspect_ratio(tmp_path, texts):
    found = configs(write_study(tmp_path / "wide_a", Design(f"folder:{texts}", budgets=(1e18,))))
    assert {config.model.d_head for config in found} == {64}
    assert all(config.model.d_model / config.model.n_layers < 96 for config in found)


@pytest.mark.parametrize(
    ("name", "change", "error", "words"),
    [
        ("my-study", {}, ConfigError, "letters, digits and _"),
        ("class", {}, ConfigError, "'class'"),
        ("json", {}, ConfigError, "'json'"),
        ("fine_a", {"corpus": "folder:/nowhere"}, DataError, "/nowhere"),
        ("fine_b", {"corpus": "novels"}, DataError, "'novels' is unknown"),
        ("fine_c", {"tokenizer": "words"}, DataError, "words"),
        ("fine_d", {"params": (1e30, 1e31)}, ConfigError, "1e+30"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, texts, name, change, error, words):
    with pytest.raises(error, match=r".*" + words.replace("+", r"\+")):
        write_study(tmp_path / name, Design(**({"corpus": f"folder:{texts}"} | change)))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_above_this_one_is_refused_and_leaves_nothing(tmp_path, texts, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ConfigError, match=r"^x/\.\./\.\. exists already: choose another name"):
        write_study(Path("x/../.."), Design(f"folder:{texts}"))
    assert list(Path().iterdir()) == []


def test_a_study_that_reads_its_text_again_says_so(tmp_path, texts, capsys):
    """600 kB of text: at 1e11 FLOPs the smallest model reads it many times over."""
    assert run(["new", str(tmp_path / "again"), "--corpus", f"folder:{texts}", "--isoflop", "1e11"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.search(
        r"warning: \d points? of 5 read the text more than once, k = 1 to \S+ or more, and at one", said
    )
    design = Design(f"folder:{texts}", params=(1e4, 2e4), tokens=(2**17,))
    assert 0 < max(least_passes(design)) < 1


@pytest.mark.parametrize(
    ("options", "law", "warned"),
    [
        ("--sizes 4 --params 6e3 1e5 --tokens 6e4 1e5 2e5", "--law chinchilla", ()),
        ("--sizes 4 --params 6e3 1e5 --tokens 6e4 1e5", "--law power-offset", ("E takes 2 values",)),
        ("--sizes 3 --params 6e3 1e5 --tokens 6e4", "--law kaplan-n", ()),
        ("--sizes 1 --params 1e4 1e4 --tokens 6e4 1e5 2e5 4e5", "--law power-offset --x E", ()),
        ("--sizes 1 --params 1e4 1e4 --tokens 6e4 1e5", None, ("E takes 2 values",)),
        ("--isoflop 1e9 3e9 1e10", None, ("at 10⁹ FLOPs 1 size,", "at 3 × 10⁹ FLOPs 2 sizes", "at 10¹⁰")),
    ],
)
def test_the_law_that_is_suggested_is_one_that_the_points_determine(
    tmp_path, texts, capsys, options, law, warned
):
    assert run(["new", str(tmp_path / "own"), "--corpus", f"folder:{texts}", *options.split()]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert re.findall(r"quarry fit runs/own (--law .*?) quarry report", said) == ([law] if law else [])
    assert all(f"warning: {words}" in said for words in warned)
    assert said.count("needs") == len(warned)


def test_an_existing_folder_is_kept(tmp_path, texts):
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigError, match="mine exists already"):
        write_study(tmp_path / "mine", Design(f"folder:{texts}"))
    assert list((tmp_path / "mine").iterdir()) == []


def test_the_command_writes_a_study_that_a_sweep_reads_from_anywhere(tmp_path, texts, monkeypatch, capsys):
    monkeypatch.chdir(texts.parent)
    study = tmp_path / "ladder_a"
    assert run(["new", str(study), "--corpus", "folder:texts", "--sizes", "3", "--params", "7e3", "1e5"]) == 0
    assert f"quarry sweep {study} --dry-run" in capsys.readouterr().out
    files = find_study(str(study), [])
    assert len(files) == 9
    assert {config.data.corpus for config in configs(files)} == {f"folder:{texts}"}
    monkeypatch.chdir(tmp_path)
    assert run(["sweep", str(study), "--dry-run", "--cache", str(tmp_path / "cache")]) == 0
    assert "waiting" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"tokens": (100,)}, "E = 100 tokens .* are less than a step of 128: choose more tokens"),
        ({"budgets": (1e6,)}, "are less than a step of 128: choose larger budgets"),
        (
            {"params": (1e25, 1e25), "sizes": 1},
            r"N = 1e\+25: the largest model of a new study has [\d,]+ parameters",
        ),
    ],
)
def test_sizes_that_no_run_can_have_are_refused(tmp_path, texts, sizes, message):
    with pytest.raises(ConfigError, match=message):
        write_study(tmp_path / "short_a", Design(f"folder:{texts}", **sizes))
    assert not (tmp_path / "short_a").exists()


def test_every_path_in_the_name_of_a_corpus_becomes_absolute(tmp_path, texts, monkeypatch):
    store = prepare_tokens(f"folder:{texts}", "bytes", tmp_path / "cache")
    copy_store(store, str(tmp_path / "copy"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.md").write_text("a note")
    for number, (given, written) in enumerate(
        [
            ("mix:folder:notes.md=0.25+sotu=.75", f"mix:folder:{tmp_path}/notes.md=0.25+sotu=.75"),
            ("store:copy", f"store:{tmp_path}/copy"),
        ]
    ):
        design = Design(given, sizes=1, params=(1e4, 1e4), tokens=(3e5,))
        [file] = write_study(tmp_path / f"absolute{number}", design)
        assert configs([file])[0].data.corpus == written
    with pytest.raises(DataError, match="missing holds no token store"):
        write_study(tmp_path / "none", Design("store:missing"))


def test_options_that_exclude_each_other_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="--isoflop and --tokens exclude each other"):
        run(["new", str(tmp_path / "both"), "--isoflop", "1e12", "--tokens", "1e6"])
