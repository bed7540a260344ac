"""The record of a rule beside its store, and what it says of U tokens: their cost, order and origin."""

import hashlib

import numpy as np
import polars as pl

from quarry.train.data.selection.pieces import Pieces
from quarry.train.data.store import DamagedStore, TokenStore

TABLE = "pieces.parquet"


def pieces_table(store: TokenStore) -> pl.DataFrame:
    """The pieces of the pool: `start`, `tokens`, `score`, `kept`, `scanned`. Raises DamagedStore."""
    path = store.directory / TABLE
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedStore(f"{path} cannot be read ({error.strerror})", store.directory) from None
    if hashlib.sha256(content).hexdigest() != store.manifest["selection"]["table_sha256"]:
        raise DamagedStore(f"{path} is damaged", store.directory)
    return pl.read_parquet(content)


def selection_flops(store: TokenStore, first: int, last: int) -> float:
    """FLOPs that chose the training tokens `first` to `last` of a store; 0 without a rule.

    Scoring is a forward pass over the tokens of the pool that were ranked for them, 2 N each (science: Kaplan
    2020, 2001.08361, section 2.1); the training of what scores is counted whole.
    """
    about = store.manifest.get("selection")
    if about is None:
        return 0.0
    table = pieces_table(store).filter("kept")
    ends, scored = table["tokens"].cum_sum().to_numpy(), table["scanned"].to_numpy()
    low = int(scored[np.searchsorted(ends, first)]) if first else 0
    pool = int(scored[min(np.searchsorted(ends, last), len(scored) - 1)]) - low
    return about["flops_per_token"] * pool + about["flops_reference"]


def places(store: TokenStore, first: int, last: int) -> Pieces:
    """Where in the pool the training tokens `first` to `last` of a store lie."""
    if "selection" not in store.manifest:
        return Pieces(np.array([first]), np.array([last - first]))
    table = pieces_table(store).filter("kept")
    starts, sizes = table["start"].to_numpy(), table["tokens"].to_numpy()
    begins = np.cumsum(sizes) - sizes
    low, high = (np.clip(bound - begins, 0, sizes) for bound in (first, last))
    read = high > low
    return Pieces((starts + low)[read], (high - low)[read])


def first_pass(store: TokenStore, first: int, n_sequences: int, context: int) -> np.ndarray | None:
    """The sequences from `first` on by rising score of the piece in which each begins, int64 [n_sequences].

    None without a curriculum.
    """
    if not store.manifest.get("selection", {}).get("curriculum"):
        return None
    table, ids = pieces_table(store), np.arange(first, first + n_sequences)
    ends, scores = table["tokens"].cum_sum().to_numpy(), table["score"].to_numpy()
    return ids[np.argsort(scores[np.searchsorted(ends, ids * context, side="right")], kind="stable")]
