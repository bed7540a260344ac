"""Running quarry as a user types it."""

import atexit
import contextlib
import io
import os
import subprocess
import sys
import tempfile
from functools import cache as once
from pathlib import Path
from unittest import mock

from quarry import cli
from quarry.train.launch.bound_processes import PYTHON, start_fresh
from quarry.train.launch.preloaded import Preloaded, Process
from tests.conftest import ROOT
from tests.quick_compile import QUICK_COMPILE


def environment(cache: Path, *packages: Path) -> dict[str, str]:
    """This process's environment, with a cache of the tests' own; `packages` are folders to import from.

    Programs compile quickly, and all such processes find what one has compiled. With `packages`, which hold
    other compilers, programs compile as users' do.
    """
    path = os.pathsep.join(map(str, (ROOT, *packages)))
    own = {"QUARRY_CACHE": str(cache), "PYTHONPATH": path, "COLUMNS": "160"}
    return os.environ | ({"XLA_FLAGS": ""} if packages else QUICK_COMPILE) | own


class Running:
    """A process that runs, like `subprocess.Popen`; it prints into files, its errors into `errors`."""

    def __init__(self, process: Process, output: Path, errors: Path) -> None:
        self.pid, self.args = process.pid, process.args
        self.poll, self.wait = process.poll, process.wait
        self.send_signal, self.kill = process.send_signal, process.kill
        self._process, self._output, self.errors = process, output, errors

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def printed(self) -> str:
        """What it has printed until now."""
        return self._output.read_text()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end; returns what was printed, and the errors."""
        self.wait(timeout)
        return self.printed(), self.errors.read_text()


def start(
    cache: Path, *words: object, cwd: Path, packages: tuple[Path, ...] = (), output: Path | None = None
) -> Running:
    """Begin `quarry WORDS` in `cwd`."""
    variables = environment(cache, *packages)
    return run([*PYTHON, "quarry", *map(str, words)], variables, cwd=cwd, fresh=bool(packages), output=output)


def run(
    command: list[str], variables: dict[str, str], cwd: Path, fresh: bool = False, output: Path | None = None
) -> Running:
    """Begin a command that starts with `PYTHON`: afresh, or forked from a process that has imported JAX.

    It prints into `output`, by default a file of its own.
    """
    folder = Path(tempfile.mkdtemp(dir=_printed()))
    output, errors = output or folder / "output.txt", folder / "errors.txt"
    begin = start_fresh if fresh else _preloaded(_read_at_import(variables)).start
    with contextlib.chdir(cwd), output.open("wb") as out, errors.open("wb") as err:
        return Running(begin(command, out, err, environment=variables), output, errors)


@once
def _printed() -> str:
    """A folder for what the processes print, removed at the end."""
    folder = tempfile.TemporaryDirectory(prefix="quarry-tests-")
    atexit.register(folder.cleanup)
    return folder.name


def _read_at_import(variables: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The variables that JAX reads when it is imported, and Python before."""
    return tuple(sorted(item for item in variables.items() if item[0].startswith(("JAX_", "PYTHON"))))


@once
def _preloaded(variables: tuple[tuple[str, str], ...]) -> Preloaded:
    """A process that has imported JAX in this environment, for all tests of this worker."""
    preloaded = Preloaded(os.environ | dict(variables))
    preloaded.open()
    atexit.register(preloaded.close)
    return preloaded


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
