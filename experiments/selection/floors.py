"""What choosing is worth to the ideal learner: python -m quarry.experiments.selection.floors OUT.csv

In a Markov source with a known Dirichlet prior the loss of the posterior mean after any U tokens is exact;
no network is trained. Rules choose documents: at random, by bands of the source's own loss (a perfect
reference model), and `oracle`, which knows what each visit to a context is worth at this U. `free` may choose
the context of every token, which no choice of documents can: the best possible.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from quarry.cache import cache_directory
from quarry.experiments.selection import WORLD
from quarry.experiments.selection._oracle import oracle
from quarry.train.config.selection import Rule
from quarry.train.data.selection.choosing import choose
from quarry.train.data.selection.pieces import Pieces, cut, means, shuffled
from quarry.train.data.store import TokenStore
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.synthetic.bayes import Bayes
from quarry.train.data.synthetic.catalog import open_world
from quarry.train.data.synthetic.world import symbols_of
from quarry.train.hosts.platform import prepare

WORLDS = {
    "visited": WORLD,
    "tail": "synthetic:bayes?order=2,symbols=127,zipf=1,concentration=4,length=16,tokens=8388608,seed=1",
}
"""128 contexts that all U visit, and 16 thousand of which a small U misses most."""
TOKENS = tuple(2**power for power in range(11, 21))
BANDS = {f"loss-{band}": Rule("gzip", band) for band in ("low", "middle", "high")}
SEEDS = (1, 2, 3)
MOST_VISITS = 2**16
REPEATS = 8
"""Draws of each row that a divergence is the mean of."""


def source_losses(store: TokenStore, pieces: Pieces, world: Bayes) -> np.ndarray:
    """The mean -ln p of the tokens of each piece under the source itself, float64 [pieces]."""
    symbols = symbols_of(np.asarray(store.tokens("train")), world.symbols)
    chain, token = world.chain, symbols[world.order :]
    context = chain.contexts(symbols[None, :-1])[0]
    odds = chain.rows[context, np.minimum(token, world.symbols - 1)] * (1 - chain.ends[context])
    losses = -np.log(np.where(token < world.symbols, odds, np.maximum(chain.ends[context], 1e-300)))
    return means(losses, world.order, pieces)


def kept_first(store: TokenStore, pieces: Pieces, kept: np.ndarray, unique: int) -> np.ndarray | None:
    """The first U tokens of the pieces kept and the one after them [1, U + 1]; None if there are fewer."""
    chosen = pieces.take(kept)
    upto = int(np.searchsorted(np.cumsum(chosen.sizes), unique + 1)) + 1
    if upto > len(chosen):
        return None
    tokens = store.tokens("train")
    spans = zip(chosen.starts[:upto].tolist(), chosen.sizes[:upto].tolist(), strict=True)
    return np.concatenate([tokens[start : start + size] for start, size in spans])[None, : unique + 1]


def free_floor(world: Bayes, seed: int = 0) -> dict[int, float]:
    """The excess for each U where every token may be a visit to any context, nats per token.

    The divergence of each row from the posterior mean is drawn after 0, 1, 2, 4, ... visits; its lower convex
    hull takes most of the noise of drawing away. Tokens then go where one brings most.
    """
    rng, chain = np.random.default_rng(seed), world.chain
    visits = np.array([0, *(2**power for power in range(MOST_VISITS.bit_length()))])
    weight = chain.stationary * (1 - chain.ends)
    drawn = np.stack([weight * _divergence(rng, world, int(n)) for n in visits], axis=1)
    losses, width = np.stack([_hull(visits, line) for line in drawn]), np.diff(visits)
    gains = -np.diff(losses, axis=1) / width
    order = np.argsort(-gains, axis=None, kind="stable")
    used = np.cumsum(np.broadcast_to(width, gains.shape).ravel()[order])
    left = losses[:, 0].sum() - np.cumsum((gains * width).ravel()[order])
    return {unique: float(np.interp(unique, used, left)) for unique in TOKENS}


def free_limit(world: Bayes) -> float:
    """The data at equal loss of the best possible choice against random tokens, as U grows: C / (sum of
    sqrt(pi))^2 for C contexts with the shares pi.

    A context visited n times adds pi / n to the excess, up to a factor that all share: C / U by random
    visits, n = pi U, and (sum of sqrt(pi))^2 / U at the best, n in proportion to sqrt(pi).
    """
    shares = world.chain.stationary
    return len(shares) / float(np.sqrt(shares).sum()) ** 2


def _divergence(rng: np.random.Generator, world: Bayes, visits: int) -> np.ndarray:
    """KL(row || posterior mean) after so many draws from each row, mean of several, nats [contexts]."""
    rows = world.chain.rows
    log = np.zeros_like(rows)
    for _ in range(REPEATS):
        seen = rng.multinomial(visits, rows / rows.sum(1, keepdims=True)) + world.prior
        log += np.log(seen / seen.sum(1, keepdims=True)) / REPEATS
    return special.rel_entr(rows, np.exp(log)).sum(1)


def _hull(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The lower convex hull of the points (x, y), at each x."""
    kept: list[int] = []
    for place in range(len(x)):
        while len(kept) > 1 and _above(x, y, kept[-2], kept[-1], place):
            kept.pop()
        kept.append(place)
    return np.interp(x, x[kept], y[kept])


def _above(x: np.ndarray, y: np.ndarray, first: int, middle: int, last: int) -> bool:
    """Whether the middle point lies on or above the line through the others."""
    return (y[middle] - y[first]) * (x[last] - x[first]) >= (y[last] - y[first]) * (x[middle] - x[first])


def world_rows(name: str, seed: int, cache: Path) -> Iterator[dict[str, Any]]:
    """A row for each rule and U: world, seed, rule, unique_tokens, excess over the entropy rate, nats."""
    corpus = WORLDS[name].replace("seed=1", f"seed={seed}")
    world = open_world(corpus.partition(":")[2])
    assert isinstance(world, Bayes)
    store = prepare_tokens(corpus, "bytes", cache)
    tokens = store.tokens("train")
    pieces = shuffled(tokens, cut(tokens, store.tokenizer.separator, Rule.piece))
    losses = source_losses(store, pieces, world)
    keeps = {"random": np.ones(len(pieces), bool)} | {
        rule: choose(losses, band) for rule, band in BANDS.items()
    }
    free = free_floor(world)
    for unique in TOKENS:
        keeps["oracle"] = choose(oracle(store, pieces, world, unique), Rule("gzip", "high"))
        for rule, kept in keeps.items():
            rows = kept_first(store, pieces, kept, unique)
            if rows is not None and (floor := world.floor(rows)) is not None:
                yield _row(name, seed, rule, unique, floor - world.entropy_rate)
        yield _row(name, seed, "free", unique, free[unique])


def _row(name: str, seed: int, rule: str, unique: int, excess: float) -> dict[str, Any]:
    return {"world": name, "seed": seed, "rule": rule, "unique_tokens": unique, "excess": excess}


def multipliers(of_rule: pl.DataFrame, random: pl.DataFrame) -> np.ndarray:
    """U of random over U of the rule at equal excess, by U, where random reaches that excess too."""
    u, excess = (np.log(of_rule[name].to_numpy()) for name in ("unique_tokens", "excess"))
    at = np.log(random["excess"].to_numpy())[::-1], np.log(random["unique_tokens"].to_numpy())[::-1]
    inside = (excess >= at[0][0]) & (excess <= at[0][-1])
    return np.exp(np.interp(excess, *at) - u)[inside]


def slopes(floors: pl.DataFrame) -> pl.DataFrame:
    """By world, rule and seed: -d ln excess / d ln U by least squares, and data at equal loss against random.

    `multiplier_first`, `multiplier_last`: U of random over U of the rule, at the least and the largest U at
    which random reaches that loss too.
    """
    rows = []
    for (world, rule, seed), group in floors.group_by("world", "rule", "seed", maintain_order=True):
        u, excess = (np.log(group[name].to_numpy()) for name in ("unique_tokens", "excess"))
        ratio = multipliers(group, floors.filter(world=world, rule="random", seed=seed))
        ends = (
            {"multiplier_first": float(ratio[0]), "multiplier_last": float(ratio[-1])} if len(ratio) else {}
        )
        rows.append(
            {"world": world, "rule": rule, "seed": seed, "slope": -float(np.polyfit(u, excess, 1)[0])} | ends
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("output", type=Path)
    output, cache = parser.parse_args().output, cache_directory()
    prepare(cache)
    floors = pl.DataFrame([row for name in WORLDS for seed in SEEDS for row in world_rows(name, seed, cache)])
    floors.write_csv(output, float_precision=7)
    print(slopes(floors))


if __name__ == "__main__":
    main()
