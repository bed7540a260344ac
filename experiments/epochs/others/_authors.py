"""The pieces of novels in two folders: authors that are held out, and all others.

    python -m quarry.experiments.epochs.others._authors novels known others

`novels` is what experiments/epochs/novels.py makes: files YEAR_Surname-NUMBER.txt. Every eighth surname in
alphabetical order is held out, with all its novels; authors of one surname count as one.
"""

import shutil
import sys
from pathlib import Path

EVERY = 8


def surname(file: Path) -> str:
    """Of the author of a piece."""
    return file.stem.split("_")[1].split("-")[0]


def held_out(surnames: set[str]) -> set[str]:
    """The authors that do not train."""
    return set(sorted(surnames)[EVERY - 1 :: EVERY])


def main(novels: Path, known: Path, others: Path) -> None:
    """Copy every piece in `novels` to the folder of its kind."""
    pieces = sorted(novels.glob("*_*.txt"))
    apart = held_out({surname(piece) for piece in pieces})
    for folder in (known, others):
        folder.mkdir(parents=True, exist_ok=True)
    for piece in pieces:
        shutil.copy(piece, (others if surname(piece) in apart else known) / piece.name)
    print(f"held out: {', '.join(sorted(apart))}")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
