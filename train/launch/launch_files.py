"""Launch files for Cloud TPU, one per point: SkyPilot tasks and GKE JobSets. They are only written."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from quarry.checks import require
from quarry.errors import ConfigError
from quarry.train.config.point_files import Point
from quarry.train.data.mixture import corpora_in
from quarry.train.launch.jobset import jobset
from quarry.train.launch.sky import sky_task
from quarry.train.launch.tpu_slices import TpuOptions
from quarry.train.record.files import atomic_write

LONGEST_NAME = 40
"""JobSet and Kubernetes append slice, host and a suffix, within the 63 characters of a DNS label."""
Engine = Literal["sky", "jobset"]
MAKERS: dict[str, Callable[[str, Point, str, TpuOptions], dict[str, Any]]] = {
    "sky": sky_task,
    "jobset": jobset,
}
LAUNCH = {"sky": "sky jobs launch --yes --detach-run {}", "jobset": "kubectl apply -f {}"}


def write_launch_files(
    points: Sequence[Point], engine: Engine, options: TpuOptions, folder: Path
) -> list[str]:
    """Write a file per point into `folder`; returns the commands that launch them.

    Raises ConfigError for a point whose file is not below the current folder, as that folder is copied to the
    hosts, or if `folder` cannot be written.
    """
    texts = {
        folder / f"{label(point.run)}.yaml": _text(engine, point, options) for point in points
    }  # all texts are made before any file is written
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in texts.items():
            with atomic_write(file) as partial:
                partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write in {folder}: {error.strerror}") from None
    return [LAUNCH[engine].format(file) for file in texts]


def texts_left_here(points: Sequence[Point]) -> list[str]:
    """The corpora of the points whose files are on this machine only: outside the current folder, which is
    what the hosts have a copy of."""
    named = [point.config.data.corpus for point in points]
    named += [corpus for point in points for _, corpus in point.config.evaluation.also]
    parts = [part for name in named for part in corpora_in(name)]
    return [part for part in dict.fromkeys(parts) if _is_left_here(part)]


def _is_left_here(corpus: str) -> bool:
    kind, _, argument = corpus.partition(":")
    if kind not in ("folder", "archive", "store") or argument.startswith("gs://"):
        return False
    path = Path(argument).expanduser()
    return path.is_absolute() or not path.resolve().is_relative_to(Path.cwd().resolve())


def _text(engine: Engine, point: Point, options: TpuOptions) -> str:
    content = MAKERS[engine](label(point.run), point, _file_below_here(point), options)
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=1000)


def _file_below_here(point: Point) -> str:
    here, file = Path.cwd().resolve(), point.file.resolve()
    require(
        file.is_relative_to(here),
        f"{point.file} is not below the current folder, which is what is copied to the hosts",
    )
    return file.relative_to(here).as_posix()


def label(run: str) -> str:
    """`run` as a unique RFC 1123 label: it begins with a letter and ends with a hash."""
    plain = re.sub(r"[^a-z0-9]+", "-", run.lower()).strip("-")
    plain = plain if plain[:1].isalpha() else f"run-{plain}"
    return f"{plain[: LONGEST_NAME - 9].strip('-')}-{hashlib.sha256(run.encode()).hexdigest()[:8]}"


class _Dumper(yaml.SafeDumper):
    """Writes multi-line text as a block."""


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text_node)
