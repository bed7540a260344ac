"""Run directories as the trainer leaves them, with losses drawn from a known law."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quarry.train.record.files import write_json
from quarry.train.record.logs import JsonlLog
from quarry.train.record.run_directory import RunDirectory

GZIP, XZ = 3.21, 2.54
"""Bits per byte of the synthetic test text; far enough from the losses to be told apart in a page."""

TEXT = {"bytes": 500_000, "gzip_bits_per_byte": GZIP, "xz_bits_per_byte": XZ}
MANIFEST = {
    "corpus": "speeches",
    "tokenizer": "bytes",
    "vocab_size": 256,
    "splits": {"train": {"documents": 90, "tokens": 9_000_000, "bytes": 8_999_910, "sha256": "5e" * 32}},
}


@dataclass(frozen=True)
class Law:
    """L(N, E) = L_inf + A / N**alpha + B / E**beta, in nats per token."""

    L_inf: float = 0.9
    A: float = 14.0
    B: float = 90.0
    alpha: float = 0.32
    beta: float = 0.35

    def __call__(self, n: float, tokens: float) -> float:
        return self.L_inf + self.A / n**self.alpha + self.B / tokens**self.beta


def write_run(
    path: Path,
    *,
    n: int,
    tokens: int = 2_000_000,
    unique: int = 1_000_000,
    steps: int = 200,
    status: str = "finished",
    test: bool = True,
    law: Law | None = None,
    seed: int = 0,
    **fields: Any,
) -> RunDirectory:
    """One run of `n` non-embedding parameters; a diverged one stops half-way, without an annealed point."""
    directory = RunDirectory(path)
    path.mkdir(parents=True)
    write_json(directory.config, {"name": path.name, "n": n})
    directory.write_run(**_header(n, unique, tokens // steps), **fields)
    losses = _losses(law or Law(), n, tokens, steps, seed)
    last = steps // 2 if status == "diverged" else steps
    _write_metrics(directory, losses[:last], tokens // steps)
    _write_evals(directory, losses, tokens // steps, unique, last, test)
    directory.finish(status)  # type: ignore[arg-type]
    return directory


def write_ladder(
    root: Path,
    sizes: tuple[int, ...] = (8_000, 24_000, 70_000, 200_000, 600_000, 1_800_000),
    **options: Any,
) -> Path:
    """A study of one run per size below `root`."""
    for seed, n in enumerate(sizes):
        write_run(root / f"n{n}", n=n, seed=seed, **options)
    return root


def _header(n: int, unique: int, batch: int) -> dict[str, Any]:
    return {
        "status": "running",
        "n_params": n + 32_768,
        "n_nonembedding": n,
        "n_head": 16_384,
        "n_embedding": 16_384,
        "unique_tokens": unique,
        "batch_tokens": batch,
        "flops_6ne_per_token": 6.0 * n,
        "flops_exact_per_token": 6.0 * n + 6.0 * 16_384,
        "flops_xla_per_token": 6.5 * n,
        "d_model": 32,
        "n_layers": 2,
        "context": 256,
        "vocab_size": 256,
        "seed_init": 0,
        "seed_order": 0,
        "device": "cpu (AMD EPYC)",
        "versions": {"quarry": "0.1.0", "jax": "0.10.2", "python": "3.11.2"},
        "data": MANIFEST,
        "test_text": TEXT,
        "command": "quarry sweep ladder",
    }


def _losses(law: Law, n: int, tokens: int, steps: int, seed: int) -> np.ndarray:
    """Held-out loss after each step [steps]: the law, with a gap that the learning-rate decay closes."""
    seen = np.arange(1, steps + 1) * (tokens / steps)
    gap = 0.06 * np.clip((steps - np.arange(1, steps + 1)) / (0.2 * steps), 0.0, 1.0)
    noise = np.random.default_rng(seed).normal(scale=0.004, size=steps)
    return np.minimum(np.array([law(n, e) for e in seen]) + gap + noise, math.log(256))


def _write_metrics(directory: RunDirectory, losses: np.ndarray, batch: int) -> None:
    log = JsonlLog(directory.metrics)
    for index in range(4, len(losses), 5):
        row = {"step": index + 1, "tokens": (index + 1) * batch, "loss": float(losses[index]) - 0.01}
        row |= {
            "learning_rate": 1e-3,
            "tokens_per_second": 50_000.0,
            "wall_seconds": (index + 1) * batch / 5e4,
        }
        log.append(row)
    log.close()


def _write_evals(
    directory: RunDirectory, losses: np.ndarray, batch: int, unique: int, last: int, test: bool
) -> None:
    log = JsonlLog(directory.evals)
    for step in np.unique(np.geomspace(4, last, 12).astype(int)).tolist():
        for split in ("validation", "test") if test and step == len(losses) else ("validation",):
            log.append(_evaluation(step, split, float(losses[step - 1]), batch, unique, step == len(losses)))
    log.close()


def _evaluation(
    step: int, split: str, loss: float, batch: int, unique: int, annealed: bool
) -> dict[str, Any]:
    loss += 0.02 * (split == "test")
    return {
        "step": step,
        "tokens": step * batch,
        "epochs": step * batch / unique,
        "split": split,
        "annealed": annealed,
        "loss": loss,
        "loss_sem": 0.005,
        "bits_per_byte": loss / math.log(2),
        "learning_rate": 0.0 if annealed else 1e-3,
        "train_loss": loss - 0.01,
        "wall_seconds": step * batch / 5e4,
    }
