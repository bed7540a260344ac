"""`quarry doctor`: what this machine has."""

from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from quarry.console import make_console
from quarry.cores import available_cores
from quarry.errors import DONE
from quarry.installation import require_training
from quarry.train.commands.common import RUNS, Cache, cache_or_default
from quarry.train.hosts.platform import prepare


def command(
    file: Annotated[
        Positional[Path | None], arg(help="A scale-point file: is there room for its checkpoints?")
    ] = None,
    workdir: Annotated[
        Path, arg(help="The directory of runs: can it be locked, how much space is free?")
    ] = RUNS,
    cache: Cache = None,
) -> int:
    """Report devices, versions, caches and speed of this machine, and what each extra would add."""
    if file:
        require_training("quarry doctor with a scale point")
    cores, folder = len(available_cores()), cache_or_default(cache)
    prepare(folder)
    from quarry.train.config.point_files import load_point_file
    from quarry.train.inspect.doctor import diagnose

    experiment = load_point_file(file)[0].config if file else None
    diagnose(folder, workdir, experiment, cores, make_console())
    return DONE
