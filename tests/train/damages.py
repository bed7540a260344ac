"""Ways in which a file of ours can be damaged."""

import os
import shutil
import signal
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path

from quarry.errors import QuarryError

Damage = Callable[[Path], object]


def flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def zero_block(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:4196] = bytes(len(content[100:4196]))
    path.write_bytes(content)


def replace_by(make: Damage) -> Damage:
    def damage(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif os.path.lexists(path):
            path.unlink()
        make(path)

    return damage


DAMAGES: dict[str, Damage] = {
    "a bit flipped": flip_bit,
    "a block of zeros": zero_block,
    "all zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: os.truncate(path, path.stat().st_size // 2),
    "a list": lambda path: path.write_text("[1]"),
    "an empty object": lambda path: path.write_text("{}"),
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe{"),
    "deleted": replace_by(lambda path: None),
    "a folder": replace_by(Path.mkdir),
    "a dangling link": replace_by(lambda path: path.symlink_to("/nowhere/at/all")),
    "a pipe": replace_by(os.mkfifo),
}
"""What may happen to a file."""

FOLDER_DAMAGES: dict[str, Damage] = {
    "a file": replace_by(Path.touch),
    **{name: DAMAGES[name] for name in ("deleted", "a dangling link", "a pipe")},
}
"""What may happen to a folder."""


SECONDS = 120


def failure(name: str, command: Callable[[], object]) -> str | None:
    """How a command fails on a damaged file, None if it does not: refused by `name`, or what must not be."""
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError("it hangs")))
    signal.alarm(SECONDS)
    try:
        command()
    except QuarryError as error:
        return "refused" if name in str(error) else f"REFUSED WITHOUT ITS NAME: {error}"
    except BaseException:
        return "TRACEBACK " + traceback.format_exc().splitlines()[-1]
    finally:
        signal.alarm(0)
    return None


def huge_number(path: Path) -> None:
    path.write_bytes(b"9" * 5000)


def forbid_writing(path: Path) -> bool:
    """Make a file immutable, also for root; returns whether the file system can."""
    done = subprocess.run(["chattr", "+i", str(path)], capture_output=True)
    return done.returncode == 0


def allow_writing(path: Path) -> None:
    """Undo `forbid_writing`."""
    subprocess.run(["chattr", "-i", str(path)], capture_output=True)
