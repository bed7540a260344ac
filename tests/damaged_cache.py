"""Every file of a token store and its folders, damaged in every way, and what the next run on it does then.

    python -m tests.damaged_cache

prints a table of files and ways. `docs/faults.md` has it.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from quarry.train.data.store import SPLITS, TokenStore
from quarry.train.data.store_building import prepare_tokens
from tests.train.damages import DAMAGES, FOLDER_DAMAGES, failure, huge_number

FILES = ("train.bin", "validation.bin", "test.bin", "manifest.json", "tokenizer.json", "index/*.json")
FOLDERS = ("tokens/*", "tokens", "index", ".")
WAYS = DAMAGES | {"a huge number": huge_number}
TOKENIZER = "bpe:270"


def write_texts(folder: Path) -> str:
    """The corpus of 200 documents in `folder`."""
    folder.mkdir()
    for i in range(200):
        (folder / f"{i}.txt").write_text(f"Document {i}. " + f"word{i * 7919 % 200} " * 30)
    return f"folder:{folder}"


def contents(store: TokenStore) -> tuple:
    """All that a run reads of a store."""
    return [np.asarray(store.tokens(split)).tolist() for split in SPLITS], store.manifest, store.tokenizer


def find(cache: Path, name: str) -> Path:
    """The file or folder of that name."""
    inside = f"tokens/*/{name}" if name in FILES and "/" not in name else name
    return cache if name == "." else next(cache.glob(inside))


def outcome(corpus: str, cache: Path, damaged: Path, whole: tuple) -> str:
    """What preparing the tokens does with a damaged cache: in words of the table."""
    said: list[str] = []
    found: list[tuple] = []

    def prepare() -> None:
        found.append(contents(prepare_tokens(corpus, TOKENIZER, cache, say=said.append)))

    if failed := failure(damaged.name, prepare):
        return failed
    if found != [whole]:
        return "OTHER TOKENS"
    return "built again" if said else "unharmed"


def main() -> None:
    root = Path(tempfile.mkdtemp(prefix="quarry-damage-"))
    corpus, clean, cache = write_texts(root / "texts"), root / "clean", root / "cache"
    whole = contents(prepare_tokens(corpus, TOKENIZER, clean))
    for name in (*FILES, *FOLDERS):
        found: dict[str, list[str]] = {}
        ways = FOLDER_DAMAGES if name in FOLDERS else WAYS
        for way, damage in ways.items():
            shutil.copytree(clean, cache)
            path = find(cache, name)
            damage(path)
            found.setdefault(outcome(corpus, cache, path, whole), []).append(way)
            DAMAGES["deleted"](cache)
        print(
            f"| `{name}` | " + "; ".join(f"{word}: {', '.join(ways)}" for word, ways in found.items()) + " |"
        )
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
