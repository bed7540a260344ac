"""The package as one folder of links, for tools that read files instead of asking Python: pyright,
import-linter.

`python -m tests.link_tree FOLDER` makes FOLDER/quarry: one link per room and per file of quarry/.
"""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("experiments", "model", "train", "analysis")


def link_tree(folder: Path) -> None:
    """Make `folder`/quarry anew."""
    package = folder / "quarry"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    for target in (*(ROOT / "quarry").glob("*.py*"), *(ROOT / room for room in ROOMS)):
        (package / target.name).symlink_to(target)


if __name__ == "__main__":
    link_tree(Path(sys.argv[1]))
