"""The commands in a guide of docs/, and running them."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import ROOT


def blocks(guide: str, language: str) -> list[str]:
    """The code blocks of docs/<guide> in that language, in their order."""
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run_block(block: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a block in bash, in `folder`; returns what it printed. Fails if any command of it does."""
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder, env={**environment, "PATH": path}, text=True, capture_output=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def quarry_lines(blocks: list[str]) -> list[str]:
    """The lines that begin with quarry, without their comments."""
    lines = (line.split("  #")[0].strip() for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith("quarry ")]


def check_syntax(block: str) -> None:
    """Fail if bash cannot parse the block."""
    done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, timeout=20)
    assert done.returncode == 0, f"{block}\n{done.stderr}"
