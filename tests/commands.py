"""Running quarry as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def environment(cache: Path, *packages: Path) -> dict[str, str]:
    """This process's environment, with a cache of the tests' own; `packages` are folders to import from."""
    path = os.pathsep.join(map(str, (ROOT, *packages)))
    return os.environ | {"QUARRY_CACHE": str(cache), "PYTHONPATH": path, "COLUMNS": "160"}


def start(cache: Path, *words: object, cwd: Path, packages: tuple[Path, ...] = ()) -> subprocess.Popen:
    """Begin `quarry WORDS` in `cwd`."""
    command = [str(Path(sys.executable).with_name("quarry")), *map(str, words)]
    return subprocess.Popen(
        command, env=environment(cache, *packages), cwd=cwd, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def quarry(
    cache: Path, *words: object, cwd: Path, timeout: float = 300, packages: tuple[Path, ...] = ()
) -> subprocess.CompletedProcess:
    """Run `quarry WORDS` in `cwd` to its end."""
    process = start(cache, *words, cwd=cwd, packages=packages)
    out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
