"""The token store of a corpus: found again at once, or built on first use."""

import hashlib
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from quarry.errors import DataError, RecordError
from quarry.train.data.bpe_training import TRAINING_BYTES
from quarry.train.data.cache_errors import errors_in_sentences
from quarry.train.data.cache_lock import cache_lock
from quarry.train.data.corpora import fingerprint, input_files, open_corpus
from quarry.train.data.documents import unchanged
from quarry.train.data.mixture import corpora_in
from quarry.train.data.prepared import open_prepared
from quarry.train.data.prepared_corpus import KIND
from quarry.train.data.splitting import SplitCorpus, SplitRules, shares_far_from_weights, split_corpus
from quarry.train.data.store import SPLITS, Say, TokenStore, hash_json, open_store, silent
from quarry.train.data.store_writing import holds_good_store, write_splits, write_store
from quarry.train.data.synthetic_corpus import copies_of_a_source
from quarry.train.data.tokenizer import Tokenizer
from quarry.train.data.tokenizers import ByteTokenizer, make_tokenizer, vocabulary_size
from quarry.train.record.files import read_json, write_json
from quarry.train.record.folders import make_writable

FORMAT = 1
"""Of the files and of how documents are split and ordered; part of both hashes."""
_OF_THE_FILES = ("duplicates_dropped", "shares")
"""Facts that do not follow from the distinct texts, hence not from the name of the store."""
QUICK_BYTES = 32 * 2**20
"""Files of text that are made tokens in seconds."""
_NOT_FILES = ("tfds", "hf", "reasoning")
"""Kinds of corpora whose text is downloaded, or takes long to generate."""
_ENTRY = {"content": str, "provenance": {"corpus": str, "source": str, "licence": str}}


def prepare_tokens(
    corpus_name: str,
    tokenizer_name: str,
    cache: Path,
    *,
    validation_fraction: float = 0.05,
    test_fraction: float = 0.05,
    near_duplicates: float | None = None,
    held_out: tuple[str, ...] = (),
    verify: bool = True,
    quick: bool = False,
    say: Say = silent,
    tokenizer: Tokenizer | None = None,
) -> TokenStore:
    """The token store of a corpus, made below `cache` on first use, by one process at a time.

    `SplitRules` explains the fractions, `near_duplicates` and `held_out`. `verify` compares the tokens with
    their digests; a damaged store is built again. `say` is told of every step that may take long. A cache
    that holds the store is only read. With `quick`, DataError where making it would take more than seconds.
    With a `tokenizer`, that of another corpus, none is trained.
    `store:PLACE` is opened where it is (`open_prepared`).
    Raises DataError for bad names or rules, if a split is empty or if a file cannot be read or written, and
    DiskFull.
    """
    vocabulary_size(tokenizer_name)
    rules = SplitRules(validation_fraction, test_fraction, near_duplicates, held_out)
    if corpus_name.startswith(KIND):
        place, asked = corpus_name.removeprefix(KIND), tokenizer or tokenizer_name
        with errors_in_sentences(cache):
            return open_prepared(place, asked, cache, rules, verify=verify, say=say)
    recipe = {
        "corpus": corpus_name,
        "tokenizer": tokenizer_name if tokenizer is None else _identity(tokenizer),
        "validation_fraction": validation_fraction,
        "test_fraction": test_fraction,
    }
    if near_duplicates is not None:
        recipe["near_duplicates"] = near_duplicates
    if held_out:
        recipe["held_out"] = list(held_out)
    with errors_in_sentences(cache):
        index = _index(cache, recipe)
        if store := _find(cache, index, recipe, verify, say, silent):
            return store
        if quick:
            _check_quick(corpus_name, tokenizer_name, cache)
        make_writable(cache)
        with cache_lock(cache, say):
            found = _find(cache, index, recipe, verify, silent, say)
            return found or _build(cache, recipe, rules, say, tokenizer)


def _check_quick(corpus_name: str, tokenizer_name: str, cache: Path) -> None:
    """Raise DataError for text to download or generate, and for large files, with the command for them."""
    size = sum(path.stat().st_size for path in input_files(corpus_name, cache / "corpora"))
    if size > QUICK_BYTES or any(part.partition(":")[0] in _NOT_FILES for part in corpora_in(corpus_name)):
        words = ["quarry", "data", "get", corpus_name, "--tokenizer", tokenizer_name]
        raise DataError(
            f"corpus = {corpus_name!r}: its tokens are not on this machine: the first run prepares them, or "
            f"`{shlex.join(words)}`"
        )


def _find(
    cache: Path, index: Path, recipe: dict[str, Any], verify: bool, say: Say, warn: Say
) -> TokenStore | None:
    """The store that the entry `index` of a recipe names, without reading its text.

    None if there is none, or if it or its entry in the index is damaged, of which `warn` is told.
    """
    if not os.path.lexists(index):
        return None
    try:
        entry = _read_entry(index)
        if not (cache / "tokens" / entry["content"]).exists():
            return None
        store = _open_as(cache, entry["content"], entry["provenance"])
        if verify:
            store.verify(say)
        return store
    except (RecordError, DataError) as damage:
        warn(f"{getattr(damage, 'fault', damage)}: building the tokens of {recipe['corpus']} again")
        return None


def _open_as(cache: Path, content: str, provenance: dict[str, Any]) -> TokenStore:
    """The store with its own name, source, licence and copies: corpora of the same text share the files."""
    store = open_store(cache / "tokens" / content, content)
    return TokenStore(store.directory, store.manifest | provenance, store.tokenizer)


def _index(cache: Path, recipe: dict[str, Any]) -> Path:
    """The entry of a recipe for its files as they are now."""
    inputs = recipe | {"fingerprint": fingerprint(recipe["corpus"], cache / "corpora"), "format": FORMAT}
    return cache / "index" / f"{hash_json(inputs)}.json"


def _identity(tokenizer: Tokenizer) -> str:
    """The name of a tokenizer, and where it was trained the digest of its definition."""
    trained = tokenizer.name != ByteTokenizer.usage
    return f"{tokenizer.name} {hash_json(tokenizer.definition)[:16]}" if trained else tokenizer.name


def _build(
    cache: Path, recipe: dict[str, Any], rules: SplitRules, say: Say, given: Tokenizer | None = None
) -> TokenStore:
    """Build a store, unless a corpus of the same text has it, and name it in the index.

    Raises DataError if a file of the corpus changes meanwhile: the index names what was read, and only for
    files that stayed as they were.
    """
    say(f"reading the corpus {recipe['corpus']}")
    with unchanged(input_files(recipe["corpus"], cache / "corpora")):
        corpus = open_corpus(recipe["corpus"], cache / "corpora")
        if corpus.not_read:
            say(corpus.not_read)
        index = _index(cache, recipe)
        split = split_corpus(corpus, rules)
        if warning := copies_of_a_source(corpus, split.facts["duplicates_dropped"]):
            say(warning)
        for note in shares_far_from_weights(split):
            say(note)
        if "split_by" in split.facts:
            say(f"{recipe['corpus']} has too few documents to split: the last parts of each are held out")
        tokenizer = given or _tokenizer(recipe["tokenizer"], split, say)
        provenance = {"corpus": corpus.name, "source": corpus.source, "licence": corpus.licence}
        provenance |= {name: split.facts[name] for name in _OF_THE_FILES if name in split.facts}
        content = _content(split, tokenizer, recipe)
        if not holds_good_store(cache / "tokens" / content):
            say(f"writing {split.sizes.sum() / 1e6:.1f} MB of text as tokens, {tokenizer.name}")
            facts = {"content": content, "format": FORMAT, "vocab_size": tokenizer.vocab_size} | split.facts
            facts["text_sha256"] = text_checksum(split)
            manifest = provenance | recipe | facts
            write_store(
                cache / "tokens" / content,
                tokenizer,
                lambda folder: (write_splits(folder, split, tokenizer), manifest),
            )
    _write_entry(index, {"content": content, "provenance": provenance})
    return _open_as(cache, content, provenance)


def _tokenizer(name: str, split: SplitCorpus, say: Say) -> Tokenizer:
    if name != ByteTokenizer.usage:
        size = min(split.n_bytes("train"), TRAINING_BYTES)
        say(f"training the tokenizer {name} on {size / 1e6:.1f} MB of text")
    return make_tokenizer(name, split.texts("train"))


def text_checksum(split: SplitCorpus) -> str:
    """SHA-256 of the digests of the distinct documents that were read, sorted: the checksum of the input."""
    return hashlib.sha256(np.unique(split.digests).tobytes()).hexdigest()


def _content(split: SplitCorpus, tokenizer: Tokenizer, recipe: dict[str, Any]) -> str:
    """The name of a store: a hash of the text that was read and of all that makes tokens of it."""
    parts = [np.unique(split.digests)]
    if split.corpus.shares or "held_out" in recipe:  # which documents are where does not follow from the text
        parts += [split.digests[split.members[name]] for name in SPLITS]
    text = hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
    return hash_json([text, tokenizer.definition, recipe | {"corpus": None}, FORMAT])[:32]


def _read_entry(index: Path) -> dict[str, Any]:
    """An entry of the index. Raises RecordError if it is damaged."""
    entry = read_json(index, _ENTRY)
    checksum = entry.pop("checksum", None)
    if checksum not in (None, hash_json(entry)):
        raise RecordError(f"{index} is damaged (it does not have its checksum)")
    return entry


def _write_entry(index: Path, entry: dict[str, Any]) -> None:
    """Write an entry of the index, in place of a damaged one."""
    index.parent.mkdir(parents=True, exist_ok=True)
    if index.is_dir():
        shutil.rmtree(index)
    write_json(index, entry | {"checksum": hash_json(entry)})
