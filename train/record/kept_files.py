"""What a process has written of the record of its run, kept in memory.

So what is deleted, moved or changed while the run trains is noticed and written again.
"""

from pathlib import Path

from quarry.train.record.files import holds, write_bytes
from quarry.train.record.logs import JsonlLog


class KeptFiles:
    """The files and the logs of one run directory that this process writes."""

    def __init__(self) -> None:
        self._files: dict[Path, bytes] = {}
        self._logs: dict[Path, JsonlLog] = {}

    def content(self, path: Path) -> bytes | None:
        """What this process last wrote into a file, None if nothing."""
        return self._files.get(path)

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file, atomically."""
        write_bytes(path, content)
        self._files[path] = content

    def open_log(self, path: Path) -> JsonlLog:
        """The log in `path`, for rows to be appended."""
        self._logs[path] = JsonlLog(path)
        return self._logs[path]

    def restore(self, *, thoroughly: bool = False) -> list[str]:
        """Write what is not there any more again; returns the names of the files.

        Logs are compared by size and identity, `thoroughly` byte by byte.
        """
        changed = [path for path, content in self._files.items() if not holds(path, content)]
        for path in changed:
            write_bytes(path, self._files[path])
        logs = [log for log in self._logs.values() if not log.is_intact(thoroughly=thoroughly)]
        for log in logs:
            log.restore()
        return [path.name for path in (*changed, *(log.path for log in logs))]
