"""`quarry teacher`: the model of a finished run as the source of a synthetic corpus."""

from pathlib import Path

from tyro.conf import Positional

from quarry.console import make_console
from quarry.errors import DONE, ConfigError
from quarry.train.commands.common import RUNS, Cache, Workdir, cache_or_default
from quarry.train.hosts.platform import prepare


def command(
    file: Positional[Path], output: Positional[Path], workdir: Workdir = RUNS, cache: Cache = None
) -> int:
    """Write the model of a finished run as a teacher, whose text is a synthetic corpus.

    Args:
        file: The file of the scale point; its first point is the teacher.
        output: The file to write, .npz.
    """
    if output.suffix != ".npz":
        raise ConfigError(f"{output} must end in .npz")
    folder = cache_or_default(cache)
    prepare(folder)
    from quarry.train.config.point_files import load_point_file
    from quarry.train.inspect.teachers import write_teacher

    write_teacher(load_point_file(file)[0], workdir, folder, output)
    make_console().print(f"text of it: data.corpus = 'synthetic:teacher?file={output}'", highlight=False)
    return DONE
