"""The published table of runs that tests fit: found on this machine, or fetched by address and checksum.

`python -m tests.published` fetches it into .cache/published. $QUARRY_PUBLISHED names a folder that has it.
"""

import hashlib
import os
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "published"
FOLDERS = (Path(os.environ.get("QUARRY_PUBLISHED", CACHE)), ROOT.parent / "shared" / "data" / "published")

# 234 of Hoffmann et al. 2022's runs, read off a figure: C, N, D, loss. Apache-2.0.
ADDRESSES = {
    "chinchilla_234.csv": "https://raw.githubusercontent.com/kyo-takano/chinchilla/"
    "6e34bdd639e66ed2a987be7a59fb597087a86c1a/examples/llm/df.csv",
}
SHA256 = {"chinchilla_234.csv": "2ed2c412c6b408cb26896b92c0721fe9afa6515726b0db78c33db37cbf2816f9"}


def published(name: str) -> Path:
    """The path of a published table with the checksum above; skips the test where there is none."""
    for path in (folder / name for folder in FOLDERS):
        if path.exists() and _sha256(path.read_bytes()) == SHA256[name]:
            return path
    pytest.skip(f"the published table {name} is not here; to fetch it: python -m tests.published")


def fetch(name: str, folder: Path = CACHE) -> Path:
    """Fetch a table into `folder`. Raises ValueError if what comes is not the table expected."""
    with urllib.request.urlopen(ADDRESSES[name], timeout=60) as answer:
        content = answer.read()
    if _sha256(content) != SHA256[name]:
        raise ValueError(f"{ADDRESSES[name]} has SHA-256 {_sha256(content)}, not {SHA256[name]}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    for table in ADDRESSES:
        print(fetch(table))
