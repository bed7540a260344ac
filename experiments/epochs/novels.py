"""Novels for the study `epochs`: 99 English novels, 1840 to 1920, cut into pieces so that U tokens mix them.

    git clone https://github.com/COST-ELTeC/ELTeC-eng
    python -m quarry.experiments.epochs.novels ELTeC-eng/level1 novels

The first argument is a folder of TEI files (.xml) or of plain text (.txt). A piece ends at the first
line end after `PIECE` characters. The texts are in the public domain, the markup is CC BY 4.0
(github.com/COST-ELTeC/ELTeC-eng).
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

PIECE = 10_000
TEI = "{http://www.tei-c.org/ns/1.0}"


def pieces(text: str) -> Iterator[str]:
    """`text` in order, cut at the first line end after each `PIECE` characters."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + PIECE) + 1 or len(text)
        yield text[start:end]
        start = end


def plain(file: Path) -> str:
    """The text of a novel; for a TEI file its paragraphs, headings and verses, one per line."""
    if file.suffix != ".xml":
        return file.read_text(encoding="utf-8")
    body = ElementTree.parse(file).getroot().find(f"{TEI}text/{TEI}body")
    blocks = body.iter() if body is not None else ()
    kept = (block for block in blocks if block.tag in (f"{TEI}p", f"{TEI}head", f"{TEI}l"))
    return "\n".join(re.sub(r"\s+", " ", "".join(block.itertext())).strip() for block in kept)


def main(source: Path, target: Path) -> None:
    """Write the pieces of every novel in `source` to `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted([*source.glob("*.xml"), *source.glob("*.txt")]):
        for number, piece in enumerate(pieces(plain(file))):
            (target / f"{file.stem}-{number:03d}.txt").write_text(piece, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
