"""Classes of the tokens of a text, by what is to be predicted: the start of a word, digits, a copy, ...

A token may be in several classes or in none. They are found on the bytes of the text, so that they mean the
same for every tokenizer. Letters are A to Z and whatever UTF-8 writes with high bytes, quotes aside.
"""

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from quarry.train.data.tokenizer import Tokenizer

CLASSES: dict[str, str] = {
    "word_start": "the first letter of a word is in the token",
    "inside_word": "all its letters continue a word",
    "digits": "it has a digit",
    "quotes": "it has a quotation mark; an apostrophe between letters is none",
    "names": "it is part of a capitalised word of two letters or more that begins no sentence",
    "after_rare_word": "it starts a word, and the word before occurs once in the scored text",
    "copied": "it and the tokens before it, 8 bytes or more, stand earlier in its context",
    "matching_bracket": "it closes a bracket that was opened in its context",
}
"""The classes, in the order of their bits, with their definitions."""

COPIED_BYTES = 8
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+(?:'[A-Za-z]+)*")
_CURLED = re.compile(rb"\xe2\x80[\x98-\x9f]")
_QUOTE = re.compile(rb"[\"`]|(?<![A-Za-z\x80-\xff])'|'(?![A-Za-z\x80-\xff])|\xe2\x80[\x98-\x9f]")
_SENTENCE_END = re.compile(rb"[.!?:\n][\s\"'()\[\]*_-]*$")
_BRACKETS = re.compile(rb"[()\[\]{}]")
_OPENED_BY = {b")": b"(", b"]": b"[", b"}": b"{"}


def class_bits(text: np.ndarray, context: int, tokenizer: "Tokenizer") -> np.ndarray:
    """The classes of the targets of consecutive sequences, uint16 [sequences, context]; bit i is class i.

    `text` [sequences * context + 1] are token ids: all but the first are targets.
    """
    pieces = [piece or b"\n" for piece in tokenizer.pieces]  # a separator ends words and sentences
    lengths = np.array([len(piece) for piece in pieces])[text]
    joined, starts = b"".join(pieces[token] for token in text.tolist()), np.cumsum(lengths) - lengths
    of_bytes = _byte_classes(joined)
    masks = {name: np.logical_or.reduceat(flags, starts)[1:] for name, flags in of_bytes.items()}
    masks["inside_word"] &= ~masks["word_start"]
    masks["copied"] = _copied(text, lengths, context)
    masks["matching_bracket"] = _matching(joined, starts, context)
    bits = sum(masks[name].astype(np.uint16) << bit for bit, name in enumerate(CLASSES))
    return np.asarray(bits, np.uint16).reshape(-1, context)


def _byte_classes(text: bytes) -> dict[str, np.ndarray]:
    """The classes that follow from words and signs: a flag for each byte."""
    names = ("word_start", "inside_word", "digits", "quotes", "names", "after_rare_word")
    flags = {name: np.zeros(len(text), bool) for name in names}
    codes = np.frombuffer(text, np.uint8)
    flags["digits"] = (codes >= ord("0")) & (codes <= ord("9"))
    for found in _QUOTE.finditer(text):
        flags["quotes"][found.end() - 1] = True  # only its last byte tells a curled quote from other signs
    words = list(_WORD.finditer(_CURLED.sub(b"   ", text)))
    counts, before = Counter(word[0].lower() for word in words), b""
    for word in words:
        start, end = word.span()
        flags["word_start"][start] = flags["inside_word"][start + 1 : end] = True
        flags["after_rare_word"][start] = counts[before] == 1
        flags["names"][start:end] = _is_name(text, start, end)
        before = word[0].lower()
    return flags


def _is_name(text: bytes, start: int, end: int) -> bool:
    capital = 65 <= text[start] <= 90 and end - start > 1
    return capital and start > 0 and not _SENTENCE_END.search(text, max(0, start - 8), start)


def _copied(text: np.ndarray, lengths: np.ndarray, context: int) -> np.ndarray:
    """Whether the tokens that end in each target, the fewest with so many bytes on average, came before."""
    count = max(2, 1 + round(COPIED_BYTES / lengths.mean()))
    rows = np.lib.stride_tricks.sliding_window_view(text, context + 1)[::context]
    if count > context + 1:
        return np.zeros(len(text) - 1, bool)
    grams = np.lib.stride_tricks.sliding_window_view(rows, count, axis=1).astype(np.uint64)
    mixed = np.zeros(grams.shape[:2], np.uint64)
    for place in range(count):  # a hash of 64 bits: two different runs of tokens hardly ever share one
        mixed = (mixed ^ grams[..., place]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    copied = np.zeros((len(rows), context), bool)
    for row, hashes in enumerate(mixed):
        first = np.unique(hashes, return_index=True)[1]
        again = np.ones(len(hashes), bool)
        again[first] = False
        copied[row, count - 2 :] = again
    return copied.ravel()


def _matching(text: bytes, starts: np.ndarray, context: int) -> np.ndarray:
    """Whether each target closes the innermost bracket that its own sequence has opened."""
    closes, opened, sequence = np.zeros(len(starts) - 1, bool), [], -1
    for found in _BRACKETS.finditer(text):
        token = int(np.searchsorted(starts, found.start(), side="right")) - 1
        if (token - 1) // context != sequence:  # the first input of a sequence is the last target before it
            opened, sequence = [], (token - 1) // context
        if found[0] not in _OPENED_BY:
            opened.append(found[0])
        elif opened and opened[-1] == _OPENED_BY[found[0]]:
            opened.pop()
            closes[token - 1] = token > 0
    return closes
