"""Our tokenizers as those of the package `tokenizers`, whose tokenizer.json other programs read."""

from typing import TYPE_CHECKING

from quarry.errors import DataError
from quarry.train.data.bpe_training import byte_characters
from quarry.train.data.pixels import PixelTokenizer
from quarry.train.data.tokenizer import Tokenizer
from quarry.train.data.tokenizers import BpeTokenizer

if TYPE_CHECKING:
    import tokenizers

SEPARATOR = "<|document|>"
"""The text of the separator, which no document's text becomes."""


def hub_tokenizer(tokenizer: Tokenizer) -> "tokenizers.Tokenizer":
    """The tokenizer with the same ids: byte-level BPE, without merges for bytes; the separator is special.

    White space longer than 256 characters is cut elsewhere than ours cuts it. Raises DataError for pixels.
    """
    if isinstance(tokenizer, PixelTokenizer):
        raise DataError(f"data.tokenizer = {tokenizer.name!r} reads no text: tokenizer.json cannot hold it")
    from tokenizers import AddedToken, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as HubTokenizer

    tokens = tokenizer.tokens if isinstance(tokenizer, BpeTokenizer) else _bytes()
    characters = byte_characters()
    vocabulary = {"".join(characters[byte] for byte in token): i for i, token in enumerate(tokens)}
    made = HubTokenizer(models.BPE(vocabulary | {SEPARATOR: tokenizer.separator}, _merges(vocabulary)))
    regex = isinstance(tokenizer, BpeTokenizer)
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(SEPARATOR, normalized=False)])
    return made


def _bytes() -> tuple[bytes, ...]:
    """The single bytes but 0xFF, whose id is the separator's."""
    return tuple(bytes([byte]) for byte in range(0xFF))


def _merges(vocabulary: dict[str, int]) -> list[tuple[str, str]]:
    """Every pair of tokens that make a token, by the id of that one: ours merge the lowest id first."""
    by_id = sorted(vocabulary, key=vocabulary.__getitem__)
    return [
        (token[:cut], token[cut:])
        for token in by_id
        for cut in range(1, len(token))
        if token[:cut] in vocabulary and token[cut:] in vocabulary
    ]
