"""The table of corpora: python -m quarry.experiments.quarries.corpora [-o TABLE.csv] [NAME ...]

For each corpus that is here what `quarry data inspect` measures, and the loss of the study's smallest model,
trained on the way. A row that the table has already is kept; a corpus that is not here is named and left out.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import polars as pl

from quarry.cache import cache_directory
from quarry.console import make_console
from quarry.errors import ConfigError, DataError
from quarry.experiments.quarries import CORPORA
from quarry.train.commands.bars import shown
from quarry.train.commands.common import EXIT_CODES
from quarry.train.commands.point import find_variant
from quarry.train.commands.train import TrainOptions, train_point
from quarry.train.data.inspection import Inspection, inspect_corpus, usual_tokenizers
from quarry.train.record.points_table import points_table

FILE = Path(__file__).with_name("smallest.py")
DIGITS = 4


def row(name: str, cache: Path, runs: Path) -> dict[str, Any]:
    """What is measured of a corpus, and the test loss of the smallest model on it."""
    with shown() as say:
        found = inspect_corpus(CORPORA[name], usual_tokenizers(CORPORA[name]), cache, say)
    point = find_variant(FILE, name)
    status = train_point(point, TrainOptions(workdir=runs, cache=cache), make_console())
    if status != "finished":
        sys.exit(EXIT_CODES[status])
    [test] = points_table(runs / point.run).filter(pl.col("split") == "test").to_dicts()
    names = ("tokenizer", "n_nonembedding", "tokens", "loss", "loss_sem", "bits_per_byte")
    trained = {name: test[name] for name in names}
    return sizes(name, found) | {f"trained_{name}": value for name, value in trained.items()}


def sizes(name: str, found: Inspection) -> dict[str, Any]:
    """What is measured of a corpus, as a row."""
    [(other, tokens)] = [(kind, n) for kind, n in found.tokens.items() if kind != "bytes"]
    return {
        "name": name,
        "corpus": found.corpus,
        "source": found.source.partition(",")[0],
        "licence": found.licence,
        "documents": found.documents,
        "bytes": found.bytes,
        "tokenizer": other,
        "tokens": tokens,
        "gzip_ratio": found.gzip_ratio,
        "exact_duplicates": found.duplicates,
        "near_duplicates": found.near_duplicates,
        "near_duplicate_rate": found.near_duplicate_rate,
        "longest_bytes": found.longest.bytes,
        "shortest_bytes": found.shortest.bytes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *CORPORA], default=[])
    parser.add_argument("-o", "--output", type=Path, default=Path("corpora.csv"))
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    options = parser.parse_args()
    rows = pl.read_csv(options.output).to_dicts() if options.output.exists() else []
    done = {row["name"]: row for row in rows}
    for name in options.names or CORPORA:
        if name not in done:
            try:
                done[name] = row(name, cache_directory(), options.runs)
            except (ConfigError, DataError) as error:
                print(f"left out: {error}")
                continue
            table = [done[each] for each in CORPORA if each in done]
            pl.DataFrame(table).write_csv(options.output, float_precision=DIGITS)


if __name__ == "__main__":
    main()
