"""The held-out loss, on fixed text in fp32, with its standard error."""

import dataclasses
import functools
import gzip
import lzma
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array

from quarry.model.config import ModelConfig
from quarry.model.sharding import batch_sharding, batch_shards, parameter_shardings, replicated, use_mesh
from quarry.model.transformer import Params, abstract, apply, token_losses
from quarry.train.config.experiment import PROGRAMS_KEPT, Experiment
from quarry.train.data.feed import EvaluationBatch, evaluation_batches, whole_sequences
from quarry.train.data.order import Rows
from quarry.train.data.store import Split, TokenStore
from quarry.train.data.token_classes import class_bits
from quarry.train.hosts.host_rows import HostRows
from quarry.train.run.class_loss import class_fields, class_sums
from quarry.train.run.micro_batches import micro_batch_rows
from quarry.train.run.position_loss import bin_means, position_fields

MOST_SCORES = 2**29
"""Most attention scores of a layer on one device, 2 GiB in fp32: flash attention on GPUs has no fp32."""
UNIGRAM_TOKENS = 2**24
"""Training tokens counted for the unigram entropy."""


@dataclass(frozen=True)
class HeldOutLoss:
    """`loss` in nats per token, `loss_sem` its standard error over sequences."""

    loss: float
    loss_sem: float
    bits_per_byte: float


class Evaluator:
    """Scores parameters on `tokens` of a split of the store, from its sequence `first` on.

    The standard error is over sequences, treated as independent. Neighbours come from the same documents, so
    it is a lower bound on the error over documents.
    """

    def __init__(
        self,
        experiment: Experiment,
        mesh: Mesh,
        store: TokenStore,
        split: Split,
        tokens: int,
        first: int = 0,
    ):
        self._context, self._first = experiment.model.context, first
        available = whole_sequences(store, split, self._context) - first
        self._n = min(max(1, tokens // self._context), available)
        shards = batch_shards(mesh)
        self._rows = min(most_rows(experiment, mesh), -(-self._n // shards) * shards)
        self._host_rows = HostRows(mesh, self._rows)
        self._store = store
        self._split: Split = split
        self._model, self._mesh = experiment.model, mesh
        self._score = make_score(experiment.model, mesh)
        self._bytes = int(store.tokenizer.token_bytes[self._targets()].sum())

    @functools.cached_property
    def text(self) -> np.ndarray:
        """The tokens of the scored text, in order: all but the first are scored."""
        start = self._first * self._context
        return self._store.reader(self._split).read(start, start + self.tokens + 1)

    def _targets(self) -> np.ndarray:
        """The scored tokens, in order."""
        return self.text[1:]

    @property
    def tokens(self) -> int:
        """Tokens scored."""
        return self._n * self._context

    @functools.cached_property
    def unigram_entropy(self) -> float:
        """L_0, nats per token of the scored text."""
        return unigram_entropy(self._store.train_counts(UNIGRAM_TOKENS), self._targets())

    def __call__(self, params: Params) -> HeldOutLoss:
        return self._held_out_loss(np.concatenate([sums for sums, _ in self._scored(params)]))

    def _held_out_loss(self, sums: np.ndarray) -> HeldOutLoss:
        means = sums / self._context
        nats = float(means.mean())
        sem = float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else math.nan
        return HeldOutLoss(nats, sem, nats * self.tokens / math.log(2) / self._bytes)

    def fields(self, params: Params, *, classes: bool = False) -> dict[str, Any]:
        """The loss as an evaluation logs it: in all, by position in the context and, if asked, by class."""
        sums, positions, of_classes = [], [], []
        for sums_B, losses_BxT in self._scored(params):
            scored = len(sums) * self._rows
            sums.append(sums_B)
            positions.append(bin_means(losses_BxT))
            if classes:
                of_classes.append(class_sums(losses_BxT, self._classes[scored : scored + len(sums_B)]))
        fields = dataclasses.asdict(self._held_out_loss(np.concatenate(sums)))
        fields |= position_fields(np.concatenate(positions), self._context)
        return fields | (class_fields(np.concatenate(of_classes), self._classes) if classes else {})

    @functools.cached_property
    def _classes(self) -> np.ndarray:
        """The classes of each scored token, bits [sequences, context]."""
        return class_bits(self.text, self._context, self._store.tokenizer)

    def compile(self, params: Any) -> None:
        """Compile the scoring of parameters with these shapes and shardings into the compilation cache."""
        rows = jax.ShapeDtypeStruct((self._rows, self._context), np.int32)
        self._score.lower(params, rows, rows).compile()

    def token_losses(self, params: Params) -> np.ndarray:
        """Loss of every scored token, nats [sequences, context]."""
        return np.concatenate([losses for _, losses in self._scored(params)]).astype(np.float64)

    def _scored(self, params: Params) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The sums [rows], float64, and the losses [rows, context] of the sequences, a batch at a time."""
        whole = self._host_rows.global_array
        for batch in self._batches(self._host_rows.rows):
            # both are read before the next batch starts, or XLA's collectives on CPUs may hang
            sums_B, losses_BxT = map(
                np.asarray, self._score(params, whole(batch.inputs_BxT), whole(batch.targets_BxT))
            )
            kept = np.asarray(batch.weights_B) > 0
            yield sums_B[kept].astype(np.float64), losses_BxT[kept]

    def _batches(self, rows: Rows = slice(None)) -> Iterator[EvaluationBatch]:
        return evaluation_batches(
            self._store, self._split, self._n, self._context, self._rows, rows, self._first
        )

    def divergence(
        self, params: Params, conditionals: Callable[[np.ndarray], np.ndarray | None]
    ) -> float | None:
        """Mean KL(source || model) of the next token over the scored text, nats per token.

        `conditionals` gives the source's probabilities [R, T, tokens] of rows [R, T + 1], 0 where a token
        does not count; or None, and then so does this. Only on one host.
        """
        from scipy import special  # a third of a second that other runs need not wait

        score, total = make_log_probabilities(self._model, self._mesh), np.zeros(2)
        for batch in self._batches():
            kept = np.asarray(batch.weights_B) > 0
            rows = np.concatenate([batch.inputs_BxT, batch.targets_BxT[:, -1:]], axis=1)[kept]
            odds = conditionals(rows.astype(np.uint8))
            if odds is None:
                return None
            model = np.asarray(score(params, batch.inputs_BxT, batch.targets_BxT), np.float64)[kept]
            total += special.rel_entr(odds, np.exp(model[..., : odds.shape[-1]])).sum(), odds.sum()
        return float(total[0] / total[1])

    def compressors(self) -> dict[str, float]:
        """Size of exactly the scored text under gzip -9 and xz -9, in bits per byte."""
        text = self._store.tokenizer.decode(self._targets()).encode()
        return {
            "bytes": self._bytes,
            "gzip_bits_per_byte": 8 * len(gzip.compress(text, 9, mtime=0)) / self._bytes,
            "xz_bits_per_byte": 8 * len(lzma.compress(text, preset=9)) / self._bytes,
        }


def evaluators(experiment: Experiment, mesh: Mesh, store: TokenStore) -> tuple[Evaluator, Evaluator]:
    """The evaluators of a run, on the validation and the test split."""
    settings = experiment.evaluation
    return (
        Evaluator(experiment, mesh, store, "validation", settings.validation_tokens),
        Evaluator(experiment, mesh, store, "test", settings.test_tokens),
    )


def unigram_entropy(counts: np.ndarray, scored: np.ndarray) -> float:
    """Mean of -ln p over `scored` tokens, p the share of each token by its count (add-one smoothing)."""
    smoothed = 1.0 + np.pad(counts, (0, max(0, int(scored.max()) + 1 - len(counts))))
    return float(np.log(smoothed.sum()) - np.log(smoothed[scored]).mean())


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def make_score(model: ModelConfig, mesh: Mesh) -> Any:
    """The jitted losses, nats: (params, inputs [B, T], targets [B, T]) -> of rows [B], of tokens [B, T]."""
    return jit_scores(model, mesh, _losses)


@functools.lru_cache(maxsize=PROGRAMS_KEPT)
def make_log_probabilities(model: ModelConfig, mesh: Mesh) -> Any:
    """The jitted ln p of every token: (params, inputs [B, T], targets [B, T], unused) -> nats [B, T, V]."""
    return jit_scores(model, mesh, _log_probabilities)


def _losses(graph: Any, params: Params, inputs_BxT: Array, targets_BxT: Array) -> tuple[Array, Array]:
    losses_BxT = token_losses(graph, params, inputs_BxT, targets_BxT).reshape(inputs_BxT.shape)
    return losses_BxT.sum(-1), losses_BxT


def _log_probabilities(graph: Any, params: Params, inputs_BxT: Array, _: Array) -> Array:
    return jax.nn.log_softmax(apply(graph, params, inputs_BxT)).reshape(*inputs_BxT.shape, -1)


def jit_scores(model: ModelConfig, mesh: Mesh, outputs: Callable[[Any, Params, Array, Array], Any]) -> Any:
    """`outputs` of (graph, params, inputs [B, T], targets [B, T]) in fp32, jitted without the graph."""
    graph, shapes, axes = abstract(dataclasses.replace(model, compute_dtype="float32"))

    def score(params: Params, inputs_BxT: Array, targets_BxT: Array) -> Any:
        with use_mesh(mesh), jax.default_matmul_precision("float32"):  # else TF32 or bf16 on an accelerator
            return outputs(graph, params, inputs_BxT, targets_BxT)

    rows, params = batch_sharding(mesh), parameter_shardings(mesh, shapes, axes)
    return jax.jit(score, in_shardings=(params, rows, rows), out_shardings=replicated(mesh))


def most_rows(experiment: Experiment, mesh: Mesh) -> int:
    """The most sequences scored at once: as in a training pass, or fewer if fp32 scores need it."""
    model = experiment.model
    within_memory = max(1, MOST_SCORES // (model.n_heads * model.context**2)) * batch_shards(mesh)
    return min(micro_batch_rows(experiment, mesh), within_memory)
