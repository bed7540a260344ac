"""Corpora of source code and formal mathematics that Debian and Ubuntu package.

Each is found where its package puts it, and where it is not, one sentence says what installs it.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from quarry.errors import DataError
from quarry.train.data.documents import Contents, files_below, read_bytes
from quarry.train.data.packaged_corpora import PackagedText, file_contents
from quarry.train.data.tar_files import archive_contents

_DIGITS = re.compile(r"(\d+)")


def newest(pattern: str, corpus: str, package: str) -> Path:
    """The path with the highest version that fits the absolute `pattern`.

    Raises DataError, with the command that installs the package, if there is none.
    """
    found = Path("/").glob(pattern.removeprefix("/"))
    paths = sorted(found, key=lambda path: [int(n) for n in _DIGITS.findall(path.name)])
    if not paths:
        raise DataError(
            f"corpus = {corpus!r} needs Debian's {package} ({pattern}): apt-get install {package}"
        )
    return paths[-1]


def release_of(find: Callable[[], Path]) -> str:
    """The version of the Debian package that a path belongs to; the path's name where dpkg does not tell."""
    path = find()
    if shutil.which("dpkg-query") is None:
        return path.name
    owner = _dpkg("--search", str(path)).partition(":")[0]
    return _dpkg("--show", "--showformat=${Version}", owner) or path.name


def _dpkg(*words: str) -> str:
    return subprocess.run(["dpkg-query", *words], capture_output=True, text=True, check=False).stdout.strip()


def _packaged(
    name: str,
    pattern: str,
    package: str,
    list_files: Callable[[Path], list[Path]],
    contents: Callable[[Sequence[Path]], Contents] = file_contents,
    **about: str,
) -> PackagedText:
    """The corpus of the files that `list_files` finds at the newest path that fits `pattern`.

    Its fingerprint needs no version: the packages of two versions differ in the times of their files.
    """
    find = partial(newest, pattern, name, package)
    return PackagedText(
        usage=name,
        list_files=lambda: list_files(find()),
        release=lambda: release_of(find),
        homepage=f"https://packages.debian.org/{package}",
        build=lambda: "",
        contents=contents,
        skips_invalid=True,  # test data of compilers and some old sources are not UTF-8
        **about,
    )


def _is_kernel_text(path: str) -> bool:
    """C without the generated headers of amdgpu, which are more text than all other headers."""
    return path.endswith((".c", ".h")) and not path.startswith("drivers/gpu/drm/amd/include/")


_HEADING = re.compile(rb"^\$\(\s*\n[ \t]*(?:####|#\*#\*|=-=-|-\.-\.)", re.MULTILINE)


def sections(files: Sequence[Path]) -> Contents:
    """The sections of Metamath databases: each begins with a heading of any level, which is a comment."""
    for path in files:
        text = read_bytes(path)
        cuts = [0, *(found.start() for found in _HEADING.finditer(text) if found.start()), len(text)]
        for number, (start, end) in enumerate(pairwise(cuts), 1):
            yield f"{path.name}, section {number}", text[start:end]


LINUX_C = _packaged(
    "linux-c",
    "/usr/src/linux-source-*.tar.xz",
    "linux-source",
    lambda archive: [archive],
    lambda files: archive_contents(files[0], _is_kernel_text),
    about="the Linux kernel's C, one document per file",
    licence="GPL-2.0",
)

RUST = _packaged(
    "rust",
    "/usr/src/rustc-*",
    "rust-src",
    lambda root: files_below(root, {".rs"}),
    about="Rust's compiler and standard library, one document per file",
    licence="MIT OR Apache-2.0",
)

GO = _packaged(
    "go",
    "/usr/share/go-*/src",
    "golang-src",
    lambda root: files_below(root, {".go"}),
    about="Go's compiler and standard library, one document per file",
    licence="BSD-3-Clause",
)

METAMATH = _packaged(
    "metamath",
    "/usr/share/metamath/databases",
    "metamath-databases",
    lambda root: files_below(root, {".mm"}),
    sections,
    about="formal proofs of the Metamath databases, one document per section",
    licence="CC0-1.0 AND GPL-2.0-or-later",
)
