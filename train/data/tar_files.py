"""The files in a tar archive, which is read from end to end and never unpacked."""

import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from quarry.errors import DataError
from quarry.train.data.documents import Contents, reading


def archive_contents(archive: Path, wanted: Callable[[str], bool]) -> Contents:
    """The regular files in a tar archive, however compressed, whose path below its first folder is wanted.

    Raises DataError if the archive cannot be read.
    """
    try:
        with reading(archive), tarfile.open(archive, "r|*") as tar:
            for member in tar:
                tar.members = []  # pyright: ignore[reportAttributeAccessIssue] - else it keeps every header
                path = member.name.partition("/")[2] or member.name
                if member.isreg() and wanted(path):
                    file = tar.extractfile(member)
                    assert file is not None
                    yield path, file.read()
    except (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise DataError(f"{archive} is no whole tar archive ({error}): get it again") from None
