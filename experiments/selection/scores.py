"""The score files of the study: python -m quarry.experiments.selection.scores [--workdir RUNS]

Both are what `quarry score` writes for the references; that of the world has a column `score` more, the
oracle's: what a piece is worth to a learner that knows the source.
"""

import argparse
from pathlib import Path

import polars as pl

from quarry.cache import cache_directory
from quarry.experiments.selection import TEXT_SCORES, WORLD, WORLD_SCORES
from quarry.experiments.selection._oracle import oracle
from quarry.train.config.point_files import load_point_file
from quarry.train.data.selection.pieces import Pieces
from quarry.train.data.synthetic.bayes import Bayes
from quarry.train.data.synthetic.catalog import open_world
from quarry.train.hosts.platform import prepare

REFERENCES = Path(__file__).parent / "references"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workdir", type=Path, default=Path("runs"))
    workdir, cache = parser.parse_args().workdir, cache_directory()
    prepare(cache)
    from quarry.train.inspect.scores import write_scores
    from quarry.train.run.sizes import prepare_store

    text, held_out, source = (
        load_point_file(REFERENCES / f"{name}.py")[0]
        for name in ("text_small", "text_held_out", "world_small")
    )
    print(write_scores(text, held_out, workdir, cache, Path(TEXT_SCORES)).describe())
    table, store = write_scores(source, None, workdir, cache, Path(WORLD_SCORES)), None
    store = prepare_store(source.config, cache)
    pieces = Pieces(table["start"].to_numpy(), table["tokens"].to_numpy())
    world = open_world(WORLD.partition(":")[2])
    assert isinstance(world, Bayes)
    known = pl.Series("score", oracle(store, pieces, world))
    metadata = pl.read_parquet_metadata(WORLD_SCORES)
    kept = {name: text for name, text in metadata.items() if name == "quarry"}
    seen = table["loss"].is_null()
    table = table.with_columns(known.set(seen, None))
    table.write_parquet(WORLD_SCORES, metadata=kept)
    print(table.describe())


if __name__ == "__main__":
    main()
