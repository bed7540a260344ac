"""Imports flow one way, and the rooms of the house hold what they are named for."""

import functools
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.conftest import ROOT
from tests.link_tree import link_tree

LONGEST_CHAIN = 10
"""Modules that one module may import in a chain when it is loaded, itself counted."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """The folder of links that tools reading files need."""
    folder = tmp_path_factory.mktemp("typing")
    link_tree(folder)
    return folder


def test_imports_keep_the_contracts(tree):
    lint_imports = Path(sys.executable).with_name("lint-imports")
    command = [lint_imports, "--no-cache", ROOT / "pyproject.toml"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_longest_chain_of_imports_is_short(tree, monkeypatch):
    monkeypatch.delitem(sys.modules, "quarry", raising=False)  # grimp would look where it was imported from
    monkeypatch.syspath_prepend(tree)
    graph = grimp.build_graph("quarry", exclude_type_checking_imports=True, cache_dir=None)

    def loads(importer: str, imported: str) -> bool:
        """Whether the import is at the top of the module, not inside a function."""
        stem = tree / importer.replace(".", "/")
        file = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
        lines = file.read_text(encoding="utf-8").splitlines()
        details = graph.get_import_details(importer=importer, imported=imported)
        return any(not lines[detail["line_number"] - 1].startswith(" ") for detail in details)

    @functools.cache
    def chain(module: str) -> tuple[str, ...]:
        names = graph.find_modules_directly_imported_by(module)
        return (module, *max((chain(name) for name in names if loads(module, name)), key=len, default=()))

    longest = max(map(chain, graph.modules), key=len)
    assert 5 < len(longest) <= LONGEST_CHAIN, " > ".join(longest)


@pytest.mark.slow
def test_the_command_line_starts_without_jax():
    modules = "quarry, quarry.cli, quarry.train.config.experiment, quarry.analysis.points.loading"
    code = f"import sys, {modules}; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
