"""Running quarry as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def environment(cache: Path) -> dict[str, str]:
    """This process's environment, with a cache of the tests' own."""
    return os.environ | {"QUARRY_CACHE": str(cache), "PYTHONPATH": str(ROOT), "COLUMNS": "160"}


def start(cache: Path, *words: object, cwd: Path) -> subprocess.Popen:
    """Begin `quarry WORDS` in `cwd`."""
    command = [str(Path(sys.executable).with_name("quarry")), *map(str, words)]
    return subprocess.Popen(
        command, env=environment(cache), cwd=cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def quarry(cache: Path, *words: object, cwd: Path, timeout: float = 300) -> subprocess.CompletedProcess:
    """Run `quarry WORDS` in `cwd` to its end."""
    process = start(cache, *words, cwd=cwd)
    out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
