"""The search of a recipe for every cell of the study of epochs, as rows of docs/epochs.md."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import polars as pl

from quarry.analysis.epochs.first_reached import first_below
from quarry.experiments.epochs.tuned import (
    BATCHES,
    CELLS,
    DECAYS,
    PASSES,
    RATES,
    UNIQUE,
    WIDTHS,
    Cell,
    Trial,
)
from quarry.text import count

RHO = 0.1


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def of_tuned(trials: pl.DataFrame, points: pl.DataFrame) -> list[tuple[str, str]]:
    """Of each cell whose search ended: the losses of the table, the least of the trials, and its settings.

    All of one seed and one draw of U. A value at an end of the grid is marked.
    """
    annealed, table = (each.filter("annealed", split="validation") for each in (trials, points))
    table = table.filter(pl.col("draw").fill_null(0) == 0, seed_init=0, seed_order=0)
    rows, least, plain = [], defaultdict(dict), defaultdict(dict)
    for cell in sorted(CELLS, key=lambda cell: (WIDTHS[cell.size], UNIQUE[cell.unique], cell.k)):
        start = f"{cell.size}_{cell.unique}"
        own = annealed.filter(pl.col("point").str.starts_with(f"{start}-p{cell.k}-"))
        losses = {_trial(each): each["loss"] for each in own.iter_rows(named=True)}
        if losses and not _open(cell, losses):
            named = pl.col("point").str.contains(f"^{start}(-.*)?-k{cell.k}$")
            known = dict(table.filter(named).select("point", "loss").iter_rows())
            size = own["n_nonembedding"][0], UNIQUE[cell.unique], cell.k
            rows.append(("tuned", _tuned(size, known.get(f"{start}-k{cell.k}"), known, losses)))
            least[size[1], size[0]][cell.k] = min(losses.values())
            plain[size[1], size[0]] |= {cell.k: min(known.values())} if known else {}
    return rows + _passes(least, plain, table)


def _trial(each: dict) -> Trial:
    rate = min(RATES, key=lambda rate: abs(rate / each["d_model"] - each["peak_learning_rate"]))
    places = BATCHES.index(each["batch_tokens"]), RATES.index(rate), DECAYS.index(each["weight_decay"])
    return Trial(*places)


def _open(cell: Cell, losses: dict[Trial, float]) -> bool:
    """Whether a neighbour of the best trial is still to be trained."""
    best = min(losses, key=losses.__getitem__)
    return any(trial.fits(cell) and trial not in losses for trial in best.neighbours())


def _tuned(
    size: tuple[float, float, int], plain: float | None, known: dict[str, float], losses: dict[Trial, float]
) -> str:
    best = min(losses, key=losses.__getitem__)
    settings = ((best.batch, BATCHES), (best.rate, RATES), (best.decay, DECAYS))
    shown = [f"{grid[at]:g}" + (" (end)" if at in (0, len(grid) - 1) else "") for at, grid in settings]
    least = losses[best]
    fall = "–" if plain is None else f"{least - plain:+.3f}"
    others = ["–" if plain is None else f"{plain:.3f}", f"{min(known.values()):.3f}" if known else "–"]
    n, unique, k = size
    return row(count(n), count(unique), str(k), *others, f"{least:.3f}", fall, *shown, str(len(losses)))


ByPasses = Mapping[tuple[int, float], Mapping[int, float]]
"""By U and N: the least loss after k passes."""


def _passes(least: ByPasses, plain: ByPasses, table: pl.DataFrame) -> list[tuple[str, str]]:
    """Passes to within 10% of the least loss of any size, recipe and k at that U.

    By tuned recipes, where all three k were searched, and by the best of the table's, read alike.
    """
    rows = []
    for (unique, n), by_k in sorted(least.items()):
        if set(by_k) == set(PASSES):
            tuned = [loss for (other, _), of in least.items() if other == unique for loss in of.values()]
            floor = min([*tuned, *table.filter(unique_tokens=unique)["loss"]])
            both = (_needed(each, (1 + RHO) * floor) for each in (by_k, plain[unique, n]))
            rows.append(("tuned, passes", row(count(unique), count(n), *both)))
    return rows


def _needed(by_k: Mapping[int, float], target: float) -> str:
    """Passes to `target`, read on ln k between those of the search."""
    if set(by_k) != set(PASSES):
        return "–"
    losses = np.array([[by_k[k] for k in PASSES]])
    return f"{np.exp(first_below(np.array(PASSES, float), losses, np.array([target])).low[0]):.2g}"
