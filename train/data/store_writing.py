"""Writes the files of a token store."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from quarry.train.data.parallel import map_in_order
from quarry.train.data.progress import tracked
from quarry.train.data.splitting import SplitCorpus
from quarry.train.data.store import DIGESTS, SPLITS, DamagedStore, checksum, open_store
from quarry.train.data.tokenizer import Tokenizer
from quarry.train.data.tokenizers import save_tokenizer
from quarry.train.record.files import write_json

_PARTIAL = ".partial-"


def holds_good_store(directory: Path) -> bool:
    """Whether the directory holds an undamaged store; reads all of it."""
    try:
        open_store(directory, directory.name).verify()
    except DamagedStore:
        return False
    return True


def write_store(directory: Path, split: SplitCorpus, tokenizer: Tokenizer, manifest: dict[str, Any]) -> None:
    """Write the store in a temporary folder, then rename it: no reader sees half of it.

    A damaged store in its place is removed, and so is what a build that was killed has left. Only the process
    that holds the lock of the cache may call this.
    """
    _remove_unfinished(directory.parent)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=directory.parent) as scratch:
        partial = Path(scratch) / "store"
        partial.mkdir()
        splits = {name: _write_split(partial / f"{name}.bin", split, name, tokenizer) for name in SPLITS}
        save_tokenizer(tokenizer, partial / "tokenizer.json")
        manifest = manifest | {"splits": splits}
        write_json(partial / "manifest.json", manifest | {"checksum": checksum(manifest, tokenizer)})
        if os.path.lexists(directory):
            os.rename(directory, Path(scratch) / "damaged")
        os.rename(partial, directory)


def _remove_unfinished(tokens: Path) -> None:
    for folder in tokens.glob(f"{_PARTIAL}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _write_split(path: Path, split: SplitCorpus, name: str, tokenizer: Tokenizer) -> dict[str, Any]:
    counts = {"documents": 0, "tokens": 0, "bytes": 0}
    digests = {kind: make() for kind, make in DIGESTS.items()}
    separator = np.array([tokenizer.separator], tokenizer.dtype).tobytes()

    def encode(text: str) -> tuple[bytes, int]:
        return tokenizer.encode(text).tobytes() + separator, tokenizer.text_bytes(text)

    texts = tracked(split.texts(name), f"writing {name}", len(split.members[name]))
    with path.open("wb") as file:
        for chunk, size in map_in_order(encode, texts):
            for digest in digests.values():
                digest.update(chunk)
            file.write(chunk)
            counts["documents"] += 1
            counts["tokens"] += len(chunk) // tokenizer.dtype.itemsize
            counts["bytes"] += size
        file.flush()
        os.fsync(file.fileno())
    return counts | {kind: digest.hexdigest() for kind, digest in digests.items()}
