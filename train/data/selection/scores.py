"""The score of each piece, by rule: of its bytes, or from a file that `quarry score` has written."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.errors import DataError
from quarry.train.config.selection import FROM_FILE, Rule
from quarry.train.data.selection.pieces import Pieces, Scores
from quarry.train.data.store import TokenStore

METADATA = "quarry"
"""The key of a score file's metadata, JSON: `pool` (digest of the training tokens), `about`, and by column
`flops_per_token` (of scoring) and `flops_reference` (of training what scores)."""


def score_pieces(rule: Rule, store: TokenStore, pieces: Pieces, corpora: Path) -> Scores:
    """The scores of the pieces by the rule. Raises DataError for a file that does not fit them."""
    if rule.name == "gzip":
        return Scores(gzip_ratios(store, pieces), about="deflate, level 9; no floating-point operation")
    if rule.name == "quality":
        from quarry.train.data.selection.quality import quality_scores  # SciPy takes long to import

        return quality_scores(rule, store, pieces, corpora)
    if rule.name in FROM_FILE:
        return _from_file(rule, store, pieces)
    return Scores(np.zeros(len(pieces)))


def gzip_ratios(store: TokenStore, pieces: Pieces) -> np.ndarray:
    """len(deflate(x)) / len(x) of the bytes x of each piece; falls with the length of a piece."""
    tokens, table = store.tokens("train"), store.tokenizer.pieces

    def ratio(start: int, size: int) -> float:
        text = b"".join(table[token] for token in tokens[start : start + size].tolist())
        return len(zlib.compress(text, 9)) / max(1, len(text))

    spans = zip(pieces.starts.tolist(), pieces.sizes.tolist(), strict=True)
    return np.array([ratio(*span) for span in spans])


def _from_file(rule: Rule, store: TokenStore, pieces: Pieces) -> Scores:
    columns, path = FROM_FILE[rule.name], Path(rule.scores).expanduser()
    table, about = read_score_file(path)
    missing = [name for name in ("start", "tokens", *columns) if name not in table.columns]
    if missing:
        made = {"held_out": "--held-out FILE", "early": "a reference with checkpoint.at_tokens"}
        hint = f": quarry score writes it with {made[missing[0]]}" if missing[0] in made else ""
        raise DataError(
            f"{path} lacks the column {missing[0]!r} that data.selection = {rule.name} needs{hint}"
        )
    pool = store.manifest["splits"]["train"]["sha256"]
    same = table["start"].to_numpy(), table["tokens"].to_numpy()
    if about.get("pool", pool) != pool or not _equal(same, pieces):
        raise DataError(
            f"{path} scores other pieces than those of {store.manifest['corpus']!r} cut at piece = "
            f"{rule.piece}: score this corpus, with this tokenizer, these fractions and this piece"
        )
    read = [table[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in columns]
    costs = [about.get("columns", {}).get(name, {}) for name in columns]
    references = {cost.get("run", name): cost for name, cost in zip(columns, costs, strict=True)}
    return Scores(
        read[0] if len(read) == 1 else read[0] - read[1],
        sum(cost.get("flops_per_token", 0.0) for cost in costs),
        sum(cost.get("flops_reference", 0.0) for cost in references.values()),
        about.get("about", str(path)),
    )


def _equal(found: tuple[np.ndarray, np.ndarray], pieces: Pieces) -> bool:
    return all(map(np.array_equal, found, (pieces.starts, pieces.sizes)))


def read_score_file(path: Path) -> tuple[pl.DataFrame, dict[str, Any]]:
    """The table of a score file and its metadata, empty without. Raises DataError if it is no Parquet."""
    try:
        text = pl.read_parquet_metadata(path).get(METADATA, "{}")
        return pl.read_parquet(path), json.loads(text)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"scores = {path} cannot be read as a Parquet table ({reason})") from None
