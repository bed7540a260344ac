"""Training steps of one shape, by Quarry and by its alternatives; each runs in its own process.

    python -m tests.benchmarks.contenders quarry 64 2 2 16 256 20

(d_model, layers, heads, rows, context, seconds) prints as JSON the tokens per second, the median over the
intervals of the run without compilation, and the peak memory of the process. `product 8` gives the FLOPs per
second of one large matrix product: the upper limit.
"""

import contextlib
import dataclasses
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from quarry.train.config.experiment import Experiment

CONTEXT, VOCABULARY = 256, 256


def quarry(d_model: int, n_layers: int, n_heads: int, rows: int, context: int, seconds: float) -> float:
    """`quarry train` itself: data, step, logging, on one pinned core."""
    from quarry.cache import cache_directory
    from quarry.train.hosts.platform import prepare

    prepare(cache_directory())
    from quarry.model.config import modern
    from quarry.train.config.experiment import Experiment

    model = modern(d_model, n_layers, n_heads, context=context)
    return training_rate(Experiment(model=model, batch_tokens=rows * context), seconds)


def training_rate(config: "Experiment", seconds: float) -> float:
    """Median tokens per second of a run of `config`, stopped after `seconds`; without evaluation."""
    from quarry.cache import cache_directory
    from quarry.train.config.point_files import Point
    from quarry.train.record.files import read_jsonl
    from quarry.train.record.progress import Quiet
    from quarry.train.record.run_directory import RunDirectory
    from quarry.train.run.loop import train

    class UntilTime(Quiet):
        ends = float("inf")

        def update(self, step: int, loss: float, tokens_per_second: float) -> None:
            self.ends = min(self.ends, time.monotonic() + seconds)
            if time.monotonic() > self.ends:
                raise TimeoutError

    with tempfile.TemporaryDirectory() as folder:
        point = Point("bench", "point", endless(config), Path(folder))
        with contextlib.suppress(TimeoutError):
            train(point, Path(folder), cache_directory(), UntilTime())
        rates = [
            row["tokens_per_second"] for row in read_jsonl(RunDirectory(Path(folder) / point.run).metrics)
        ]
    return statistics.median(rates[1:])


def endless(config: "Experiment") -> "Experiment":
    """`config` without an end: hardly evaluated, a row of metrics every 20,000 tokens or 1e11 FLOPs."""
    from quarry.model.counting import flops_exact
    from quarry.train.config.experiment import Duration, EvaluationConfig

    return dataclasses.replace(
        config,
        duration=Duration(steps=100_000),
        evaluation=EvaluationConfig(validation_tokens=256, test_tokens=256, count=1),
        log_every=max(1, int(min(20_000, 1e11 / flops_exact(config.model))) // config.batch_tokens),
    )


def flax(d_model: int, n_layers: int, n_heads: int, rows: int, context: int, seconds: float) -> float:
    """The same sizes with the stock layers of Flax NNX and optax.adamw, as in a tutorial."""
    import jax
    import jax.numpy as jnp
    import optax
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, rngs: nnx.Rngs):
            self.norm1, self.norm2 = nnx.LayerNorm(d_model, rngs=rngs), nnx.LayerNorm(d_model, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(n_heads, d_model, decode=False, rngs=rngs)
            self.up, self.down = (
                nnx.Linear(d_model, 4 * d_model, rngs=rngs),
                nnx.Linear(4 * d_model, d_model, rngs=rngs),
            )

        def __call__(self, x, mask):
            x = x + self.attention(self.norm1(x), mask=mask)
            return x + self.down(nnx.gelu(self.up(self.norm2(x))))

    class Model(nnx.Module):
        def __init__(self, rngs: nnx.Rngs):
            self.tokens = nnx.Embed(VOCABULARY, d_model, rngs=rngs)
            self.positions = nnx.Embed(context, d_model, rngs=rngs)
            self.blocks = nnx.List([Block(rngs) for _ in range(n_layers)])
            self.norm = nnx.LayerNorm(d_model, rngs=rngs)
            self.head = nnx.Linear(d_model, VOCABULARY, use_bias=False, rngs=rngs)

        def __call__(self, x):
            mask = nnx.make_causal_mask(x)
            h = self.tokens(x) + self.positions(jnp.arange(context))[None]
            for block in self.blocks:
                h = block(h, mask)
            return self.head(self.norm(h))

    model = Model(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adamw(1e-3), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer, x, y):
        def loss_of(model):
            return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

        loss, gradient = nnx.value_and_grad(loss_of)(model)
        optimizer.update(model, gradient)
        return loss

    return median_rate(
        lambda x, y: jax.block_until_ready(step(model, optimizer, x, y)), (rows, context), seconds
    )


def torch(d_model: int, n_layers: int, n_heads: int, rows: int, context: int, seconds: float) -> float:
    """A GPT of the same sizes in PyTorch with torch.compile and fused AdamW, on all available cores."""
    import os

    import torch  # pyright: ignore[reportMissingImports]  # of another environment
    from torch import nn  # pyright: ignore[reportMissingImports]
    from torch.nn import functional as F  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(len(os.sched_getaffinity(0)))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
            self.qkv, self.out = nn.Linear(d_model, 3 * d_model), nn.Linear(d_model, d_model)
            self.up, self.down = nn.Linear(d_model, 4 * d_model), nn.Linear(4 * d_model, d_model)

        def forward(self, x):
            heads = self.qkv(self.norm1(x)).view(*x.shape[:2], 3, n_heads, -1).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).reshape(x.shape)
            x = x + self.out(mixed)
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.positions = nn.Embedding(VOCABULARY, d_model), nn.Embedding(context, d_model)
            self.blocks = nn.Sequential(*(Block() for _ in range(n_layers)))
            self.norm, self.head = nn.LayerNorm(d_model), nn.Linear(d_model, VOCABULARY, bias=False)

        def forward(self, x, y):
            h = self.tokens(x) + self.positions(torch.arange(context))
            return F.cross_entropy(self.head(self.norm(self.blocks(h))).flatten(0, 1), y.flatten())

    model = torch.compile(Model())
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)

    def step(x, y):
        loss = model(torch.from_numpy(x).long(), torch.from_numpy(y).long())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return median_rate(step, (rows, context), seconds)


def product(seconds: float, size: int = 2048, dtype: str = "float32", launches: int = 4) -> float:
    """FLOPs per second of products of square matrices in JAX: the best of several times `launches` of them.

    Of random numbers: a GPU multiplies equal ones at a higher clock. Several are in flight at a time.
    """
    import jax

    a = jax.random.normal(jax.random.key(0), (size, size), dtype)
    multiply, best, ends = jax.jit(jax.numpy.matmul), 0.0, time.monotonic() + seconds
    multiply(a, a).block_until_ready()
    while time.monotonic() < ends:
        began = time.perf_counter()
        jax.block_until_ready([multiply(a, a) for _ in range(launches)])
        best = max(best, launches * 2 * size**3 / (time.perf_counter() - began))
    return best


def median_rate(step: Callable, shape: tuple[int, int], seconds: float) -> float:
    """Median tokens per second of `step(inputs, targets)`, each of `shape`, after two warm-up steps."""
    (rows, context), rng = shape, np.random.default_rng(0)
    tokens = rng.integers(0, VOCABULARY, (rows, context + 1), dtype=np.int32)
    times = []
    for count in range(10**6):
        began = time.perf_counter()
        step(tokens[..., :-1].copy(), tokens[..., 1:].copy())
        if count >= 2:
            times.append(time.perf_counter() - began)
        if sum(times) > seconds:
            break
    return tokens[..., 1:].size / statistics.median(times)


if __name__ == "__main__":
    contender, *shape, length = sys.argv[1:]
    run: Callable[..., float] = {"quarry": quarry, "flax": flax, "torch": torch, "product": product}[
        contender
    ]
    rate = run(*map(int, shape), float(length))
    print(json.dumps({"rate": rate, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
