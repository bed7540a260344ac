"""The coordinate check of the study: python -m quarry.experiments.transfer.coordinates [-o TABLE.csv]

How much the embedding, the residual stream after the first and the last block, and the logits have changed
after 1 to 8 steps at each width without muP and with it, and at each depth with muP and with CompleteP.
"""

import argparse
from pathlib import Path

import numpy as np
import polars as pl

from quarry.cache import cache_directory
from quarry.experiments.transfer import BASE_LAYERS, BASE_WIDTH, DEPTHS, WIDTHS, config
from quarry.model.config import Parametrization
from quarry.train.data.store import TokenStore
from quarry.train.data.store_building import prepare_tokens
from quarry.train.hosts.platform import prepare
from quarry.train.inspect.coordinates import Shape, coordinate_check, slopes

STEPS, SEEDS = 8, 3
WIDER = [(width, BASE_LAYERS) for width in WIDTHS]
DEEPER = [(BASE_WIDTH, depth) for depth in DEPTHS]
CASES: tuple[tuple[Parametrization, str, list[Shape]], ...] = (
    ("standard", "d_model", WIDER),
    ("mup", "d_model", WIDER),
    ("mup", "n_layers", DEEPER),
    ("completep", "n_layers", DEEPER),
)
"""Parametrization, what grows, and the shapes."""


def batches(store: TokenStore, sequences: int, context: int) -> np.ndarray:
    """The first tokens of the training split as STEPS batches [S, B, T + 1]."""
    tokens = np.asarray(store.tokens("train")[: STEPS * sequences * (context + 1)], np.int32)
    return tokens.reshape(STEPS, sequences, context + 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path("coordinates.csv"))
    output = parser.parse_args().output
    prepare(cache_directory())
    tables = []
    for parametrization, size, shapes in CASES:
        experiment = config(parametrization, BASE_WIDTH)
        store = prepare_tokens(experiment.data.corpus, experiment.data.tokenizer, cache_directory())
        rows, context = experiment.batch_tokens // experiment.model.context, experiment.model.context
        changes = coordinate_check(experiment, shapes, batches(store, rows, context), SEEDS)
        found = slopes(changes, size, STEPS - 1)
        print(parametrization, size, {name: round(slope, 2) for name, slope in sorted(found.items())})
        tables.append(changes.with_columns(parametrization=pl.lit(parametrization), grows=pl.lit(size)))
    pl.concat(tables).write_csv(output, float_precision=6)


if __name__ == "__main__":
    main()
