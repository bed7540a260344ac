"""Examples against parameters: python -m quarry.analysis.finetuning ACCURACIES -o FOLDER

Writes means.csv, the accuracy of each size and number of examples with its interval over draws of the
examples; exchange.csv, by which factor the next larger model needs fewer examples for the same accuracy;
slopes.csv, the plane through all accuracies; and pretraining.csv, what models gain over random weights.
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from quarry.analysis.fitting.intervals import IntervalSettings
from quarry.errors import PointsError

RESAMPLES, LEVEL, MOST_LOST, FEWEST = 2000, 0.95, 0.05, 2

Ends = tuple[float | None, float | None, float | None]
"""A value and the ends of its interval."""


class Accuracies:
    """The accuracies of one task: `sizes` [S] and numbers of `examples` [X], `values` [S, X, draws].

    Draws that some size or number of examples lacks are left out. Raises PointsError for fewer than two.
    """

    def __init__(self, table: pl.DataFrame):
        self.sizes = sorted(table["n_nonembedding"].unique())
        self.examples = np.array(sorted(table["examples"].unique()), float)
        shape = (len(self.sizes), len(self.examples), -1)
        whole = table.group_by("draw").len().filter(len=shape[0] * shape[1])["draw"]
        if len(whole) < FEWEST:
            raise PointsError(
                f"task = {table['task'][0]}: {len(whole)} draws have one accuracy for each size and number "
                f"of examples; an interval needs {FEWEST} (rows of one rate, length and number of steps)"
            )
        table = table.filter(pl.col("draw").is_in(whole.implode()))
        self.values = table.sort("n_nonembedding", "examples", "draw")["accuracy"].to_numpy().reshape(shape)
        draws = self.values.shape[-1]
        self._settings = IntervalSettings.of_runs(LEVEL, draws)
        rng = np.random.default_rng(0)
        self._resamples = rng.integers(0, draws, (RESAMPLES, draws))

    def resampled(self) -> np.ndarray:
        """Mean accuracies [1 + resamples, S, X] over draws of examples, the first of the draws as they are.

        A draw has the same examples for every size, so that sizes are resampled together.
        """
        again = np.moveaxis(self.values[..., self._resamples].mean(-1), -1, 0)
        return np.concatenate([self.values.mean(-1)[None], again])

    def interval(self, values: np.ndarray, logarithmic: bool = False) -> Ends:
        """The first of [1 + resamples] and the ends of its interval. None: it cannot be said.

        So it is where the value itself is NaN, or that of more than `MOST_LOST` of the resamples. That of a
        `logarithmic` quantity, which is positive, is made in the logarithm.
        """
        if np.isnan(values[0]) or np.isnan(values[1:]).mean() > MOST_LOST:
            return None, None, None
        return (
            float(values[0]),
            *self._settings.interval(values[1:], float(values[0]), logarithmic=logarithmic),
        )


def means(accuracies: Accuracies) -> Iterator[dict[str, Any]]:
    """A row for each size and number of examples."""
    drawn = accuracies.resampled()
    for s, size in enumerate(accuracies.sizes):
        for x, examples in enumerate(accuracies.examples):
            ends = accuracies.interval(drawn[:, s, x])
            yield {"N": size, "examples": int(examples)} | _named("accuracy", ends)


def exchange(accuracies: Accuracies) -> Iterator[dict[str, Any]]:
    """A row for each size and number of examples: by which factor the next larger model needs fewer for the
    same accuracy, on a line through its accuracies against ln(examples)."""
    drawn, logs = accuracies.resampled(), np.log(accuracies.examples)
    for (s, size), (_, larger) in pairwise(enumerate(accuracies.sizes)):
        for x, examples in enumerate(accuracies.examples):
            needed = [examples_for(row[s, x], row[s + 1], logs) for row in drawn]
            about = {"N": size, "larger": larger, "examples": int(examples)}
            yield about | _named("factor", accuracies.interval(examples / np.exp(needed), logarithmic=True))


def examples_for(accuracy: float, accuracies: np.ndarray, logs: np.ndarray) -> float:
    """The first ln(examples) at which a curve reaches an accuracy; NaN if all of it lies below or above."""
    if accuracy < accuracies[0] or accuracy > accuracies.max():
        return np.nan
    x = int(np.argmax(accuracies >= accuracy))
    if x == 0:
        return float(logs[0])
    share = (accuracy - accuracies[x - 1]) / (accuracies[x] - accuracies[x - 1])
    return float(logs[x - 1] + share * (logs[x] - logs[x - 1]))


def slopes(accuracies: Accuracies) -> dict[str, Any]:
    """The plane accuracy = a + b ln(examples) + c ln N by least squares over all means: b, c, and c / b, the
    power of N that a number of examples is worth; None where b may be 0."""
    drawn = accuracies.resampled()
    ln_n, ln_x = np.meshgrid(np.log(accuracies.sizes), np.log(accuracies.examples), indexing="ij")
    design = np.stack([np.ones(ln_x.size), ln_x.ravel(), ln_n.ravel()], axis=1)
    _, b, c = np.linalg.lstsq(design, drawn.reshape(len(drawn), -1).T, rcond=None)[0]
    per_examples = accuracies.interval(b)
    unsure = per_examples[1] is None or per_examples[1] <= 0
    power = (None, None, None) if unsure else accuracies.interval(c / b)
    named = _named("per_ln_examples", per_examples) | _named("per_ln_N", accuracies.interval(c))
    return named | _named("power", power)


def pretraining(trained: Accuracies, random: Accuracies) -> Iterator[dict[str, Any]]:
    """A row for each size and number of examples: by how much the accuracy is above that of the same model
    from random weights, on the same draws of examples."""
    gains = trained.resampled() - random.resampled()
    for s, size in enumerate(trained.sizes):
        for x, examples in enumerate(trained.examples):
            yield {"N": size, "examples": int(examples)} | _named("gain", trained.interval(gains[:, s, x]))


def _named(name: str, ends: Ends) -> dict[str, Any]:
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))


def verdicts(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables by name, with a column `task`, of snippets of test documents."""
    found: dict[str, list[dict[str, Any]]] = {"means": [], "exchange": [], "slopes": [], "pretraining": []}
    for (task,), rows in table.filter(split="test").group_by("task", maintain_order=True):
        own, random = rows.filter(weights="run"), rows.filter(weights="random")
        accuracies = Accuracies(own)
        about = {"task": task, "draws": accuracies.values.shape[-1]}
        if not random.is_empty():
            same = own.join(random, on=["n_nonembedding", "examples", "draw"], how="semi")
            found["pretraining"] += [about | row for row in pretraining(Accuracies(same), Accuracies(random))]
        found["means"] += [about | row for row in means(accuracies)]
        found["exchange"] += [about | row for row in exchange(accuracies)]
        found["slopes"].append(about | slopes(accuracies))
    return {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in found.items()}


def main() -> None:
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("accuracies", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path())
    arguments = parser.parse_args()
    with pl.Config(tbl_rows=60, tbl_cols=12):
        for name, rows in verdicts(pl.read_csv(arguments.accuracies)).items():
            print(rows)
            rows.write_csv(arguments.output / f"{name}.csv", float_precision=5)


if __name__ == "__main__":
    main()
