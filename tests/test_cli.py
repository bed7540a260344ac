"""The registry of commands: names, help, versions, and what help does not import."""

import gc
import inspect
import os
import re
import subprocess
import sys
from importlib.metadata import version
from typing import get_args

import pytest

from quarry import cli
from quarry.analysis.laws.catalog import LAWS
from quarry.errors import ConfigError, LawError, OutOfMemory, PointsError
from quarry.train.commands import data
from tests.conftest import ROOT


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_help_of_a_command_begins_with_its_summary(name):
    help = inspect.getdoc(cli.find_command(name, []))
    assert help is not None
    assert help.splitlines()[0] == cli.COMMANDS[name].summary


def test_a_command_of_the_analysis_spares_collections(monkeypatch):
    cli.find_command("fit", [])  # what it imports has handlers of its own
    at_exit, thresholds = [], []
    monkeypatch.setattr("atexit.register", at_exit.append)
    monkeypatch.setattr("gc.set_threshold", lambda *values: thresholds.append(values))
    cli.find_command("fit", [])
    assert at_exit == [gc.freeze]
    assert thresholds[0][0] >= 10_000


def test_an_unknown_command_names_the_commands():
    with pytest.raises(ConfigError, match=r"no command 'dance': choose one of new, .*, doctor$"):
        cli.run(["dance"])
    with pytest.raises(ConfigError, match=r"^no command 'fitt': did you mean fit\?$"):
        cli.run(["fitt"])


def test_a_command_reads_the_sample_that_comes_along():
    with pytest.raises(PointsError, match=r"ladder\.csv: needs columns T, loss"):
        cli.run(["fit", "sample:ladder", "--law", "context"])


def test_an_unknown_action_on_data_names_the_nearest_or_all():
    with pytest.raises(ConfigError, match=r"^no action 'lst' of quarry data: did you mean list\?$"):
        cli.run(["data", "lst"])
    with pytest.raises(ConfigError, match=r"choose one of list, get, put, join, inspect, mix$"):
        cli.run(["data", "xyzzy"])
    assert list(data.ACTIONS) == [each.__metadata__[0].name for each in get_args(data.Action)]


def test_an_option_that_may_be_none_is_shown_as_what_it_takes(capsys):
    for words in (["fit", "--help"], ["train", "--help"], ["plan", "--help"]):
        with pytest.raises(SystemExit):
            cli.run(words)
        printed = capsys.readouterr().out
        assert "None}" not in printed
    assert "--unique-tokens FLOAT" in printed


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_no_default_of_nothing_is_shown(name, capsys):
    with pytest.raises(SystemExit):
        cli.run([name, "--help"])
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert not re.findall(r"\(default: (?:None|False|''|)\)", printed)
    if name == "sweep":
        assert "(default: 1)" in printed
        assert "that train in one program, for small models on an accelerator." in printed


def test_the_laws_are_choices_and_a_wrong_one_is_refused_in_one_sentence(capsys):
    with pytest.raises(SystemExit):
        cli.run(["fit", "--help"])
    printed = re.sub(r"[│\s]", "", capsys.readouterr().out)
    assert printed.count("{" + ",".join([*LAWS, "auto"]) + "}") == 1
    for option in ("--law", "--against"):
        words = ["fit", str(ROOT / "docs/ladder.csv"), "--law", "chinchilla", option, "chinchila"]
        with pytest.raises(LawError, match=r"^no law 'chinchila': did you mean chinchilla\?$"):
            cli.run(words)


def test_the_version_is_printed(capsys):
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"quarry {version('quarry-scaling')}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "unused"),
    [(["--help"], ("jax", "polars", "scipy")), (["fit", "--help"], ("jax", "polars", "scipy"))],
)
def test_help_starts_without_the_libraries_of_the_work(words, unused):
    code = f"""
import sys
from quarry import cli
try:
    cli.run({words!r})
except SystemExit as end:
    assert end.code == 0, end.code
assert not {set(unused)!r} & set(sys.modules), {set(unused)!r} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def test_a_completion_script_holds_the_options_of_every_command(capsys, monkeypatch):
    some = ("notebook", "points")  # all would import everything
    monkeypatch.setattr(cli, "COMMANDS", {name: cli.COMMANDS[name] for name in some})
    with pytest.raises(SystemExit):
        cli.run(["--tyro-print-completion", "bash"])
    script = capsys.readouterr().out
    assert "--only-copy" in script
    assert "--output" in script


LONG = [["train", "{}"], ["train", "{}.py"], ["sweep", "{}"], ["points", "{}", "-o", "p"]]


@pytest.mark.parametrize("words", LONG)
def test_a_long_name_is_a_sentence(words, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["quarry", *(word.format("a" * 300) for word in words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    ["data inspect folder:{}", "train {}.py", "train a.py --workdir {}", "new mine --corpus folder:{}"],
)
def test_a_name_that_is_not_utf8_is_refused(words):
    with pytest.raises(ConfigError, match=r"'.*a\\udcff.*' is not UTF-8, as all that is recorded must be"):
        cli.run(words.format(os.fsdecode(b"a\xff")).split())


def test_too_small_an_address_space_is_refused(monkeypatch):
    monkeypatch.setattr(cli.resource, "getrlimit", lambda _: (2**30, 2**30))
    with pytest.raises(OutOfMemory, match=r"`ulimit -v` allows 1.0 GiB .* need 2.0 GiB before any data"):
        cli.run(["doctor"])


@pytest.mark.parametrize("words", [["--fit", "/tmp/{}.json"], ["--fit=/tmp/{}.json"]])
def test_the_option_with_a_long_name_is_named(words, monkeypatch, capsys):
    given = [word.format("a" * 300) for word in words]
    monkeypatch.setattr(sys, "argv", ["quarry", "plan", "--flops", "1e18", *given])
    with pytest.raises(SystemExit):
        cli.main()
    said = capsys.readouterr().err
    assert said == f"error: --fit: the name {'a' * 40}... has 305 bytes, and file systems take 255\n"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError(), "error: out of memory: none is left\n"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: allocating 8 bytes.\nmore"),
            "allocating 8 bytes.\n",
        ),
    ],
)
def test_no_memory_left_is_a_sentence(monkeypatch, capsys, error, says):
    def fail(words):
        raise error

    monkeypatch.setattr(cli, "run", fail)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert capsys.readouterr().err.endswith(says)
