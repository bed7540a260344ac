"""Folders that a run writes in."""

import tempfile
from pathlib import Path

from quarry.errors import ConfigError


def make_writable(directory: Path) -> None:
    """Make a directory and see that files can be made in it. Raises ConfigError if not."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except FileExistsError:
        raise ConfigError(f"cannot write in {directory}: it is no folder") from None
    except OSError as error:
        raise ConfigError(f"cannot write in {directory}: {error.strerror}") from None
