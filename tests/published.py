"""Published tables of runs that tests fit: found on this machine, or fetched by address and checksum.

`python -m tests.published` fetches what is missing. $QUARRY_PUBLISHED names a folder of your own.
"""

import hashlib
import os
from pathlib import Path

import pytest

from tests.conftest import ROOT

SHA256 = {
    "chinchilla_234.csv": "2ed2c412c6b408cb26896b92c0721fe9afa6515726b0db78c33db37cbf2816f9",
    "datablations_182.csv": "596c5b4246424e9cafbd4e66b20a2915be26bc4626cff7ce79dea052e1675db6",
    "gadre_104.csv": "00d2d7f7d0d73b00afa154ae188038b91fd5eaa69855de8fb319804003ee2c28",
}
FOLDERS = (
    Path(os.environ.get("QUARRY_PUBLISHED", ROOT / ".cache" / "published")),
    ROOT / ".." / "shared" / "data" / "published",
)


def published(name: str) -> Path:
    """The path of a published table with the checksum above; skips the test where there is none."""
    for path in (folder / name for folder in FOLDERS):
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name]:
            return path
    pytest.skip(f"the published table {name} is not here: python -m tests.published")
