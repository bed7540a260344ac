"""Every option of a command that README and docs name is in its help."""

import re

import pytest

from quarry import cli
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"quarry ([a-z-]+)((?:[^\n`#|&]|(?<=\w)\|(?=\w))*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w.-]*")

WITH_FIELDS = ("train", "compile", "data")
"""Commands that take the fields of an experiment too, or commands of their own: their help has not all."""


def documented() -> dict[str, set[str]]:
    """The options that pages name, by command."""
    found: dict[str, set[str]] = {}
    for page in PAGES:
        for name, words in COMMAND.findall(page.read_text(encoding="utf-8")):
            if name in cli.COMMANDS and name not in WITH_FIELDS and (options := OPTION.findall(words)):
                found.setdefault(name, set()).update(options)
    return found


@pytest.mark.parametrize(("name", "options"), sorted(documented().items()))
def test_documented_options_exist(name, options, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # no option is broken in two
    with pytest.raises(SystemExit):
        cli.run([name, "--help"])
    assert options <= set(OPTION.findall(capsys.readouterr().out))
