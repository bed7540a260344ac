"""The token store of a rule, made from that of the corpus: another training file, the same held-out text.

CACHE/tokens/CONTENT/ also holds pieces.parquet: every piece of the pool in its order, with its score, whether
the rule keeps it, and the tokens of the pool that were scored by then. Where some are read twice it has a row
for each time, in the order of reading.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.errors import DataError
from quarry.train.config.selection import Rule, read_rule, rule_before_training
from quarry.train.data.cache_errors import errors_in_sentences
from quarry.train.data.cache_lock import cache_lock
from quarry.train.data.corpora import fingerprint
from quarry.train.data.documents import reading
from quarry.train.data.selection.choosing import reading_order, scanned
from quarry.train.data.selection.draws import TABLE, pieces_table
from quarry.train.data.selection.pieces import Pieces, Scores, cut, shuffled
from quarry.train.data.selection.scores import score_pieces
from quarry.train.data.store import (
    DIGESTS,
    Say,
    TokenStore,
    checksum,
    hash_json,
    open_store,
    silent,
)
from quarry.train.data.tokenizers import save_tokenizer
from quarry.train.record.files import write_json

VERSION = 1
"""Of how pieces are cut, ordered and chosen; part of the store's name."""


def select_tokens(
    store: TokenStore,
    selection: str,
    cache: Path,
    *,
    verify: bool = True,
    quick: bool = False,
    say: Say = silent,
) -> TokenStore:
    """The store of the rule `selection`, made below `cache` on first use; that of `random` is `store` itself,
    that of a rule that chooses while training the store of its pieces.

    Raises ConfigError for a rule that does not exist, DataError if its score cannot be had or nothing is
    left, or with `quick` if it was not made before, DiskFull.
    """
    selection = rule_before_training(selection)
    rule = read_rule(selection)
    if rule == Rule():
        return store
    if "train" not in store.here:
        raise DataError(
            f"data.selection = {selection!r} reads the whole training split, which is not on this machine: "
            "copy the store into a folder first"
        )
    with errors_in_sentences(cache):
        content = _content(store, rule, cache)
        if found := _find(cache, content, verify, say):
            return found
        if quick:
            raise DataError(f"data.selection = {selection!r}: the first run chooses its tokens")
        with cache_lock(cache, say):
            return _find(cache, content, verify, say) or _build(store, rule, selection, content, cache, say)


def _content(store: TokenStore, rule: Rule, cache: Path) -> str:
    """The name of the store: a hash of the pool, the rule, and what its scores come from."""
    inputs: list[Any] = [store.manifest.get("content", store.directory.name), repr(rule), VERSION]
    if rule.upsample:
        inputs.append("upsample")
    if rule.scores:
        path = Path(rule.scores).expanduser()
        with reading(path), path.open("rb") as file:
            inputs.append(hashlib.file_digest(file, "sha256").hexdigest())
    if rule.like:
        inputs.append(fingerprint(rule.like, cache / "corpora"))
    return hash_json(inputs)[:32]


def _find(cache: Path, content: str, verify: bool, say: Say) -> TokenStore | None:
    """The store if it was made before; None if it is missing or damaged."""
    directory = cache / "tokens" / content
    if not directory.exists():
        return None
    try:
        store = open_store(directory, content)
        pieces_table(store)
        if verify:
            store.verify(say)
        return store
    except DataError as damage:
        say(f"{getattr(damage, 'fault', damage)}: choosing the tokens again")
        return None


def _build(store: TokenStore, rule: Rule, selection: str, content: str, cache: Path, say: Say) -> TokenStore:
    say(f"choosing what to read: {selection}")
    tokens = store.tokens("train")
    pool = shuffled(tokens, cut(tokens, store.tokenizer.separator, rule.piece))
    scores = score_pieces(rule, store, pool, cache / "corpora")
    able = ~np.isnan(scores.values)
    if not able.any():
        raise DataError(f"data.selection = {selection!r}: no piece of the pool has a score")
    left_out, pool, values = int((~able).sum()), pool.take(able), scores.values[able]
    read = reading_order(values, rule)
    about = {"rule": selection, "pieces": len(pool), "kept": len(read), "left_out": left_out}
    table = _table(pool, values, read, rule)
    return _write(store, pool.take(read), table, about | _facts(scores, rule), cache / "tokens" / content)


def _table(pool: Pieces, values: np.ndarray, read: np.ndarray, rule: Rule) -> pl.DataFrame:
    """A row for each piece of the pool; where some are read twice, for each time that one is read."""
    listed = read if rule.upsample else np.arange(len(pool))
    return pl.DataFrame(
        {
            "start": pool.starts[listed],
            "tokens": pool.sizes[listed],
            "score": values[listed],
            "kept": np.isin(listed, read),
            "scanned": scanned(pool.sizes, rule)[listed],
        }
    )


def _facts(scores: Scores, rule: Rule) -> dict[str, Any]:
    return {
        "curriculum": rule.curriculum,
        "about": scores.about,
        "flops_per_token": scores.flops_per_token,
        "flops_reference": scores.flops_reference,
    }


def _write(
    store: TokenStore, kept: Pieces, table: pl.DataFrame, about: dict[str, Any], directory: Path
) -> TokenStore:
    """Write the store in a temporary folder, then rename it; a damaged one in its place is removed."""
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=directory.parent) as scratch:
        partial = Path(scratch) / "store"
        partial.mkdir()
        for file in (*store.files("validation"), *store.files("test")):
            _link(file, partial / file.name)
        entry = _write_tokens(partial / "train.bin", store, kept)
        table.write_parquet(partial / TABLE)
        about = about | {"table_sha256": hashlib.sha256((partial / TABLE).read_bytes()).hexdigest()}
        save_tokenizer(store.tokenizer, partial / "tokenizer.json")
        manifest = store.manifest | {
            "content": directory.name,
            "selection": about,
            "splits": store.manifest["splits"] | {"train": entry},
        }
        if shards := {name: parts for name, parts in manifest.get("shards", {}).items() if name != "train"}:
            manifest["shards"] = shards
        else:
            manifest.pop("shards", None)
        manifest["checksum"] = checksum(manifest, store.tokenizer)
        write_json(partial / "manifest.json", manifest)
        if os.path.lexists(directory):
            os.rename(directory, Path(scratch) / "damaged")
        os.rename(partial, directory)
    return open_store(directory, directory.name)


def _link(source: Path, target: Path) -> None:
    """The same file under another name, or a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write_tokens(path: Path, store: TokenStore, kept: Pieces) -> dict[str, Any]:
    """Write the pieces one after the other; returns their entry of the manifest."""
    tokens, n_bytes = store.tokens("train"), 0
    digests = {kind: make() for kind, make in DIGESTS.items()}
    with path.open("wb") as file:
        for start, size in zip(kept.starts.tolist(), kept.sizes.tolist(), strict=True):
            part = tokens[start : start + size]
            n_bytes += int(store.tokenizer.token_bytes[part].sum())
            for digest in digests.values():
                digest.update(part.tobytes())
            file.write(part.tobytes())
        file.flush()
        os.fsync(file.fileno())
    counts = {"documents": len(kept), "tokens": int(kept.sizes.sum()), "bytes": n_bytes}
    return counts | {kind: digest.hexdigest() for kind, digest in digests.items()}
