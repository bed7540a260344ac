"""Imports flow one way, and the rooms of the house hold what they are named for."""

import ast
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def test_imports_keep_the_contracts():
    lint_imports = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_no_module_imports_the_command_line():
    folders = ("model", "train", "analysis", "experiments")
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    assert len(files) > 30
    for file in files:
        assert "quarry" not in {name.split(".")[0] for name in imported(file)}, file


def imported(file: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_the_command_line_starts_without_jax():
    code = (
        "import sys, quarry, train.experiment, train.record, analysis.points; assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
