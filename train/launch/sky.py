"""A point as a SkyPilot task for Cloud TPU: https://docs.skypilot.co/en/latest/reference/yaml-spec.html."""

import re
import shlex
from pathlib import Path
from typing import Any

from quarry.checks import require
from quarry.errors import PREEMPTED
from quarry.installation import local_wheel, requirement_elsewhere
from quarry.train.config.point_files import Point
from quarry.train.launch.tpu_slices import TpuOptions, parse_slice

RUNS = "/quarry-runs"
SETUP = """\
command -v uv || pip install uv
uv venv --allow-existing --seed --python 3.11 ~/quarry-python
~/quarry-python/bin/python -m pip install {}
"""


def sky_task(name: str, point: Point, file: str, options: TpuOptions) -> dict[str, Any]:
    """The task that trains `point`, whose file is `file` below the current folder.

    SkyPilot copies the current folder to every host of the slice and runs the same command on each. A managed
    job (`sky jobs launch`) restarts it on a new slice after a preemption, or after exit code 75.
    """
    require(options.slices == 1, "SkyPilot launches one slice for each point: for several, --emit jobset")
    require(options.image is None, "--tpu.image is for --emit jobset; on SkyPilot, --tpu.install")
    slice_ = options.slice
    require(
        slice_ == parse_slice(slice_.name),
        f"tpu.accelerator = {options.accelerator!r}: SkyPilot takes the usual topology of {slice_.name}, "
        f"{parse_slice(slice_.name).topology}",
    )
    words = shlex.split(options.install)
    _check_copied(words)
    bucket, folder = options.bucket_parts
    return {
        "name": name,
        "workdir": ".",
        "resources": {
            "infra": _infra(options),
            "accelerators": f"tpu-{slice_.name}",
            "accelerator_args": {"runtime_version": slice_.generation.runtime},
            "use_spot": options.spot,
            "job_recovery": {"recover_on_exit_codes": [PREEMPTED]},
        },
        "file_mounts": {RUNS: {"source": f"gs://{bucket}", "mode": "MOUNT"}},
        "setup": SETUP.format(shlex.join(words)),
        "run": _run(point, file, f"{RUNS}/{folder}".rstrip("/")),
    }


def _check_copied(install: list[str]) -> None:
    """Raise ConfigError unless each path that pip shall install is in the current folder, which is copied."""
    here = Path.cwd().resolve()
    for word in install:
        path = Path(re.sub(r"\[[^]]*]$", "", word))
        if word.startswith((".", "/", "~")):
            projects = [path] if path.suffix == ".whl" else [path / "pyproject.toml", path / "setup.py"]
            require(
                path.resolve().is_relative_to(here) and any(file.is_file() for file in projects),
                f"tpu.install = {shlex.join(install)!r}: pip cannot install {path} on "
                f"hosts with a copy of {here}; run this in a clone of Quarry that holds the study, or "
                f"{_remedy()}",
            )


def _remedy() -> str:
    """How the hosts get Quarry as it is installed here: the wheel, copied, or what pip finds anywhere."""
    wheel = local_wheel()
    copied = f"copy {wheel} here and " if wheel else ""
    source = f"./{wheel.name}[tpu,gcs]" if wheel else requirement_elsewhere("tpu", "gcs")
    return f"{copied}add --tpu.install {shlex.quote(source)}"


def _infra(options: TpuOptions) -> str:
    """gcp, gcp/REGION or gcp/REGION/ZONE; the zone's name begins with its region's."""
    region = options.region or (options.zone.rpartition("-")[0] if options.zone else None)
    return "/".join(filter(None, ["gcp", region, options.zone]))


def _run(point: Point, file: str, workdir: str) -> str:
    variant = ["--variant", point.variant] if point.variant else []
    words = ["train", file, *variant, "--workdir", workdir]
    return f"exec ~/quarry-python/bin/quarry {shlex.join(words)}\n"
