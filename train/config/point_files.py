"""Scale-point files: Python files that define an experiment, and the studies that hold them."""

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.text import did_you_mean
from quarry.train.config.experiment import Experiment

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
LONGEST_NAME = 200
"""File systems take names of 255 bytes, some of which temporary files need."""


@dataclass(frozen=True)
class Point:
    """A scale point: an experiment with its name in the record, `<study>/<name>`."""

    study: str
    name: str
    config: Experiment
    file: Path
    variant: str | None = None
    doc: str = ""
    trunk: str | None = None
    """The name of the point of this study whose branch this is."""

    @property
    def run(self) -> str:
        return f"{self.study}/{self.name}"


def check_name(kind: str, name: object) -> str:
    """`name`, if it can be part of a run directory's path; else raises ConfigError."""
    require(
        isinstance(name, str) and NAME.fullmatch(name) is not None,
        f"{kind} name {name!r} may hold only letters, digits and . _ + -",
    )
    assert isinstance(name, str)
    require(
        len(name) <= LONGEST_NAME,
        f"{kind} name {name[:20]}... has {len(name)} characters, at most {LONGEST_NAME} can be used",
    )
    return name


def load_point_file(file: Path) -> list[Point]:
    """The point that a scale-point file defines, then its variants if there are any.

    The file defines `config`, an Experiment, and may define `variants`, a dict from names to Experiments.
    Raises ConfigError if the file is absent, does not run, or defines neither properly.
    """
    module = _run_file(file)
    study, stem = check_name("study", file.resolve().parent.name), check_name("point", file.stem)
    doc = getattr(module, "__doc__", None) or ""
    require(isinstance(doc, str), f"{file}: its docstring is a {type(doc).__name__}, not text")
    doc = doc.strip()
    config = getattr(module, "config", None)
    require(config is not None, f"{file} does not define `config`")
    assert config is not None
    variants = getattr(module, "variants", {})
    require(isinstance(variants, Mapping), f"{file}: `variants` must be a dict from names to Experiments")
    for name, value in {"config": config, **variants}.items():
        kind = type(value).__name__
        require(type(value) is Experiment, f"{file}: {name} is a {kind}, not an Experiment itself")
    return [Point(study, stem, config, file, None, doc)] + [
        Point(study, f"{stem}-{check_name('variant', name)}", value, file, name, doc)
        for name, value in variants.items()
    ]


def _run_file(file: Path) -> Any:
    require(file.is_file(), f"no such scale-point file: {file}")
    spec = importlib.util.spec_from_file_location(f"quarry_point_{file.stem}", file)
    require(spec is not None and spec.loader is not None, f"{file} is not a Python file")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        with importing_from(file.resolve().parent.parent):  # a point imports the recipe of its study
            spec.loader.exec_module(module)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ConfigError(f"{file} does not run: {type(error).__name__}: {error}") from error
    return module


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """Within the context, the modules in `folder` can be imported.

    They are forgotten afterwards: another folder may have others of the same names.
    """
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if _lies_in(sys.modules.get(name.partition(".")[0]), folder):
                del sys.modules[name]


def _lies_in(module: Any, folder: Path) -> bool:
    """Whether a top-level module is a file or a package of `folder` itself."""
    spec = getattr(module, "__spec__", None)
    places = [*(getattr(spec, "submodule_search_locations", None) or [getattr(spec, "origin", None) or ""])]
    return any(Path(place).parent == folder for place in places)


def find_study(name: str, places: Sequence[Path]) -> list[Path]:
    """The scale-point files of a study: a folder, or the name of a folder in one of `places`.

    Files whose names begin with an underscore are none, nor are programs of the study (`python -m`).

    Raises ConfigError if there is no such study or it is empty.
    """
    folders = [path for path in (Path(name), *(place / name for place in places)) if path.is_dir()]
    if not folders:
        known = [path.parent.name for place in places for path in place.glob("*/[!_]*.py")]
        near = did_you_mean(name, known).removeprefix(", ")
        raise ConfigError(f"no study {name!r}: {near or 'neither a folder nor a study in experiments/'}")
    candidates = [
        [file for file in sorted(folder.glob("[!_]*.py")) if not _is_program(file)] for folder in folders
    ]
    require(any(candidates), f"study {name!r} holds no scale-point file{_inside(folders)}")
    return next(files for files in candidates if files)


def _inside(folders: Sequence[Path]) -> str:
    """The folders in these that hold files, for a message."""
    inside = sorted({path.parent for folder in folders for path in folder.glob("[!_]*/[!_]*.py")})
    return f"; look into {', '.join(map(str, inside))}" if inside else ""


def _is_program(file: Path) -> bool:
    """Whether a file is run by itself and sets no `config`; what cannot be read is loaded, and refused."""
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError):
        return False
    run = any(isinstance(each, ast.If) and "__name__" in ast.dump(each.test) for each in body)
    return run and not any(_sets_config(each) for each in body)


def _sets_config(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(each, ast.Name) and each.id == "config" for each in targets)
