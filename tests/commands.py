"""Running quarry as a user types it."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

from quarry import cli
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


def quarry_here(*words: object, cwd: Path, cache: Path | None = None) -> subprocess.CompletedProcess:
    """Run `quarry WORDS` in `cwd` in this process: a command that sets nothing up for training.

    It saves the start of a process and shares compiled programs; `quarry` above is the command as installed.
    """
    variables = {"COLUMNS": "160"} | ({} if cache is None else {"QUARRY_CACHE": str(cache)})
    out, err, arguments = io.StringIO(), io.StringIO(), ["quarry", *map(str, words)]
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", arguments),
        mock.patch.dict(os.environ, variables),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
