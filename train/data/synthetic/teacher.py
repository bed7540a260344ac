"""The world `teacher`: text sampled from a trained model, whose logits are the exact odds of each token.

The file is what `quarry teacher` makes of a finished run. A document has one token less than the teacher's
context T: the first is drawn as what follows a separator, each next one given those before it, among ASCII
characters only. With the separator it fills one sequence of the store, so that a student of context T reads
what the teacher read. What a student lacks is KL(teacher || student), free of the noise of sampling, over the
T - 2 tokens of a sequence that both predict from the same ones. The floor is not known.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from quarry.errors import DataError, QuarryError
from quarry.train.data.synthetic.world import ALPHABET, SEPARATOR, check_option

CONFIG, ABOUT = "config", "about"
"""The entries of the file that hold JSON; each other is a parameter by its path, a/b/c."""
RARELY_TWICE = 0.002
"""The most copies among the documents."""
_AT_ONCE = 1024
"""Documents that are sampled side by side."""


@dataclass(frozen=True)
class Teacher:
    """Text of the model in `file`. Raises DataError for options that cannot be used."""

    file: str
    tokens: int = 2**20
    """Size of the corpus; about tokens x context / 2 tokens of the teacher's forward pass."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_option(bool(self.file), self, "file", "a file of `quarry teacher`")
        check_option(self.seed >= 0, self, "seed", "0 or more")
        least = 10 * self.model.context
        check_option(self.tokens >= least, self, "tokens", f"at least {least}, ten documents")

    @property
    def inputs(self) -> tuple[Path, ...]:
        return (Path(self.file).expanduser(),)

    @functools.cached_property
    def _entries(self) -> dict[str, np.ndarray]:
        [path] = self.inputs
        try:
            with np.load(path, allow_pickle=False) as entries:
                return dict(entries)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"synthetic:teacher: {path} cannot be read as a teacher ({error})") from None

    @functools.cached_property
    def model(self) -> Any:
        """The `ModelConfig` of the teacher."""
        from quarry.model.config import ModelConfig

        try:
            config = ModelConfig(**json.loads(str(self._entries[CONFIG])))
        except (KeyError, TypeError, ValueError, QuarryError) as error:
            raise DataError(f"synthetic:teacher: {self.file} holds no teacher ({error})") from None
        if config.vocab_size < SEPARATOR + 1:
            raise DataError(f"synthetic:teacher: {self.file} was not trained on the tokenizer bytes")
        return config

    @property
    def description(self) -> str:
        return f"{json.loads(str(self._entries[ABOUT]))}, file {self.file}, seed {self.seed}"

    @property
    def entropy_rate(self) -> float | None:
        return None

    def floor(self, rows: np.ndarray) -> float | None:
        return None

    def documents(self) -> tuple[np.ndarray, np.ndarray]:
        count, length = self.tokens // self.model.context, self.model.context - 1
        rng = np.random.default_rng((self.seed, 2))
        parts = [self._sample(min(_AT_ONCE, count - first), rng) for first in range(0, count, _AT_ONCE)]
        text = np.concatenate(parts)
        distinct = len(np.unique(text, axis=0))
        if count - distinct > RARELY_TWICE * count:  # copies are dropped when the corpus is split
            raise DataError(
                f"synthetic:teacher: {self.file} wrote {distinct:,} distinct documents out of {count:,}: use "
                f"a teacher of a longer context than {self.model.context}, or lower tokens = {self.tokens:,}"
            )
        return text.ravel(), np.arange(1, count + 1) * length

    def _sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Documents uint8 [count, T - 1], place by place, by inversion; prefixes grow by powers of two."""
        length = self.model.context
        tokens = np.full((_AT_ONCE, length), SEPARATOR, np.uint8)
        for place in range(length - 1):
            before = max(place - 1, 0)  # the first token follows a separator, not shown to the next ones
            width = min(length, 1 << before.bit_length())
            odds = _odds(self._logits(tokens[:, :width])[:, before]).cumsum(axis=1)
            uniform = rng.random((_AT_ONCE, 1)) * odds[:, -1:]
            tokens[:, place] = (odds <= uniform).sum(axis=1)
        return tokens[:count, :-1]

    def conditionals(self, rows: np.ndarray) -> np.ndarray | None:
        """None unless the rows are of the teacher's context and end in separators."""
        context = self.model.context
        if rows.shape[1] != context + 1 or (rows[:, -2] != SEPARATOR).any():
            return None
        odds = _odds(self._logits(rows[:, :-1]))
        odds[:, -2:] = 0  # the separator, and what follows it in another document
        return odds

    def loss(self, tokens: np.ndarray) -> float | None:
        context = self.model.context
        if len(tokens) % context != 1:
            return None
        rows = np.lib.stride_tricks.sliding_window_view(tokens, context + 1)[::context]
        odds = self.conditionals(rows)
        if odds is None:
            return None
        odds[:, -2, SEPARATOR] = 1
        odds[:, -1] = _odds(self._logits(rows[:1, -2:-1]))[0, 0]
        taken = np.take_along_axis(odds, rows[:, 1:, None].astype(np.int64), axis=2)
        return float(-np.log(taken).mean())

    def _logits(self, tokens: np.ndarray) -> Any:
        """Of the next token after each of `tokens` uint8 [B, T]: float32 [B, T, V]."""
        return self._program(tokens.astype(np.int32)).reshape(*tokens.shape, -1)

    @functools.cached_property
    def _program(self) -> Any:
        """The jitted logits of the teacher, in fp32: tokens [B, T] -> [B * T, V]."""
        import dataclasses

        import jax

        from quarry.model.transformer import abstract, apply

        graph, shapes, _ = abstract(dataclasses.replace(self.model, compute_dtype="float32", dropout=0.0))
        params = jax.tree.map_with_path(lambda path, leaf: self._parameter(path, leaf.shape), shapes)
        params = jax.tree.map(jax.numpy.asarray, params)
        return jax.jit(lambda tokens: apply(graph, params, tokens))

    def _parameter(self, path: Any, shape: tuple[int, ...]) -> np.ndarray:
        name = parameter_name(path)
        found = self._entries.get(name)
        if found is None or found.shape != shape:
            raise DataError(f"synthetic:teacher: {self.file} lacks the parameter {name} of shape {shape}")
        return found


def _odds(logits: Any) -> np.ndarray:
    """Probabilities among ASCII, float64 [..., 256], from logits [..., V]."""
    allowed = np.full(SEPARATOR + 1, -np.inf)
    allowed[ALPHABET] = 0
    return special.softmax(np.asarray(logits, np.float64)[..., : SEPARATOR + 1] + allowed, axis=-1)


def parameter_name(path: Any) -> str:
    """The name in the file of the parameter at a `path` of `jax.tree_util`."""
    return "/".join(str(getattr(key, "key", key)) for key in path)


def named_parameters(params: Any, separator: str = "/") -> dict[str, np.ndarray]:
    """The parameters of a model, a tree of arrays, by their paths."""
    import jax

    leaves = jax.tree.leaves_with_path(params)
    return {parameter_name(path).replace("/", separator): np.asarray(leaf) for path, leaf in leaves}
