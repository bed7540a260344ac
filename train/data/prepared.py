"""Token stores by place, `store:FOLDER` and `store:gs://BUCKET/FOLDER`, as `quarry data put` writes them."""

from pathlib import Path

from quarry.errors import DataError
from quarry.train.data.prepared_corpus import KIND
from quarry.train.data.splitting import SplitRules
from quarry.train.data.store import DamagedStore, Say, TokenStore, open_store, silent
from quarry.train.data.tokenizer import Tokenizer
from quarry.train.record.bucket import bucket_address


def open_prepared(
    place: str,
    tokenizer: str | Tokenizer,
    cache: Path,
    rules: SplitRules,
    *,
    verify: bool = True,
    say: Say = silent,
) -> TokenStore:
    """The store at `place`, whose `tokenizer` has that name, or is that very one.

    Raises DataError if there is no such store, if it is damaged, or if it was made otherwise than `rules` or
    the tokenizer say; BucketError.
    """
    store = open_place(place, cache, say, verify=verify)
    _check_tokenizer(place, store, tokenizer)
    _check_rules(place, store, rules)
    return store


def open_place(place: str, cache: Path, say: Say = silent, *, verify: bool = True) -> TokenStore:
    """The store at `place`, however it was made. Raises DataError if there is none or it is damaged."""
    address = bucket_address(Path(place))
    if address is None:
        return open_store_folder(Path(place).expanduser(), verify, say)
    from quarry.train.data.bucket_store import open_bucket_store

    return open_bucket_store(address, cache, verify=verify, say=say)


def tokenizer_of(place: str, cache: Path) -> Tokenizer:
    """The tokenizer of the store at `place`; its tokens are not read. Raises as `open_place`."""
    address = bucket_address(Path(place))
    if address is None:
        return open_store_folder(Path(place).expanduser(), verify=False).tokenizer
    from quarry.train.data.bucket_store import read_bucket_store

    return read_bucket_store(address, cache).tokenizer


def open_store_folder(folder: Path, verify: bool, say: Say = silent) -> TokenStore:
    """The store in a folder. Raises DataError if there is none, or it is damaged."""
    if not (folder / "manifest.json").exists():
        raise DataError(f"{folder} holds no token store: `quarry data put CORPUS {folder}` copies one there")
    try:
        store = open_store(folder)
        if verify:
            store.verify(say)
    except DamagedStore as damage:
        raise DataError(f"{damage.fault}: `quarry data put` copies it again") from None
    return store


def _check_tokenizer(place: str, store: TokenStore, tokenizer: str | Tokenizer) -> None:
    name = tokenizer if isinstance(tokenizer, str) else tokenizer.name
    if store.tokenizer.name != name:
        raise DataError(f"{KIND}{place} has tokens of {store.tokenizer.name}, not of data.tokenizer = {name}")
    if isinstance(tokenizer, Tokenizer) and store.tokenizer.definition != tokenizer.definition:
        raise DataError(f"{KIND}{place} has tokens of another {name} than those that the run trains on")


def _check_rules(place: str, store: TokenStore, rules: SplitRules) -> None:
    """Raise DataError for a rule that was set, and is not the one that the store was made by."""
    usual = SplitRules()
    for name in ("validation_fraction", "test_fraction", "near_duplicates", "held_out"):
        made, given = store.manifest.get(name), getattr(rules, name)
        if given != getattr(usual, name) and given != (tuple(made) if isinstance(made, list) else made):
            raise DataError(f"data.{name} = {given}: {KIND}{place} was made with {made}; leave it out")
