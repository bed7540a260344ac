"""The losses of a study of selection: for each corpus, rule, N and U the lowest over durations.

Of a synthetic source with a known entropy rate the loss is what lies above it, so that it falls as a power.
"""

import functools
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from quarry.errors import PointsError
from quarry.train.record.points_table import points_table

CELL = ["corpus", "n_nonembedding", "unique_tokens"]
SEEDS = ["draw", "seed_init", "seed_order"]


def rule_name(selection: pl.Expr) -> pl.Expr:
    """A rule without the files it reads and the size of its pieces; how many it keeps, if given, stays."""
    name, options = selection.str.replace(r"\?.*$", ""), selection.str.replace(r"[?,]like=.*$", "")
    kept = options.str.extract_all(r"[?,](?:candidates|keep)=[\d.]+").list.eval(pl.element().str.slice(1))
    numbers = kept.list.sort().list.join(",")
    return pl.when(numbers == "").then(name).otherwise(name + "?" + numbers)


def read_points(paths: Iterable[Path]) -> pl.DataFrame:
    """The points of directories of runs and of tables, one below the other."""
    tables = (points_table(path) if path.is_dir() else pl.read_parquet(path) for path in paths)
    return pl.concat(tables, how="diagonal")


def best_cells(points: pl.DataFrame) -> pl.DataFrame:
    """A row for each corpus, rule, N, U and set of seeds: CELL, SEEDS, `rule`, `excess` and the FLOPs.

    `excess` is the lowest annealed validation loss over durations, less the entropy rate where it is known,
    nats per token; `flops` is 6NE of that run, `flops_selection` what choosing cost. Raises PointsError if
    the table has none.
    """
    kept = points.filter(pl.col("annealed"), split="validation", status="finished")
    if kept.is_empty():
        raise PointsError("no finished run with an annealed validation loss")
    # the source's own loss on the same text takes its noise away; it is null where the text has no known one
    known = pl.coalesce("source_loss", "entropy_rate").fill_null(0.0)
    kept = kept.with_columns(rule=rule_name(pl.col("selection")), excess=pl.col("loss") - known)
    keys = [*CELL, "rule", *SEEDS]
    check_no_repeats(kept, [*keys, "epochs"])
    best = kept.sort("excess").group_by(keys, maintain_order=True).first()
    return best.select(*keys, "excess", "epochs", "flops_selection", flops="flops_6ne").sort(keys)


def check_no_repeats(ends: pl.DataFrame, keys: list[str]) -> None:
    """Raise PointsError if two rows have the same `keys`: the better one would count, whatever it is."""
    for row in ends.group_by(keys, maintain_order=True).len().filter(pl.col("len") > 1).iter_rows(named=True):
        raise PointsError(
            f"{row['len']} runs of the rule {row['rule']!r} at N = {row['n_nonembedding']:,}, U = "
            f"{row['unique_tokens']:,} have the same seeds and length: keep one, and one recipe"
        )


def mean_over_sizes(cells: pl.DataFrame, sizes: list[int]) -> pl.DataFrame:
    """The geometric mean over these N in place of each, for the rules, U and seeds that all of them have.

    So the noise that all N share through their text is counted, and what they do not share averages out.
    """
    cells = cells.filter(pl.col("n_nonembedding").is_in(sizes))
    geometric = [pl.col(name).log().mean().exp() for name in ("excess", "flops")]
    grouped = cells.group_by("corpus", "unique_tokens", "rule", *SEEDS)
    charge = pl.col("flops_selection").fill_null(0.0) / pl.col("flops")
    means = grouped.agg(*geometric, charge=charge.log1p().mean(), n=pl.len())
    whole = means.filter(n=len(sizes)).drop("n")
    selection = pl.col("charge").exp().sub(1) * pl.col("flops")
    whole = whole.with_columns(flops_selection=selection, n_nonembedding=pl.lit(None, pl.Int64))
    return whole.drop("charge").sort("corpus", "rule", "unique_tokens", *SEEDS)


def paired(cells: pl.DataFrame, rule: str, control: str) -> pl.DataFrame:
    """A row for each corpus, N, U and set of seeds that both rules have.

    Columns CELL, SEEDS, those of the rule and with the suffix `_control` those of the control, and
    `difference`, ln(excess / excess_control).
    """
    of_rule, of_control = (cells.filter(rule=name) for name in (rule, control))
    both = of_rule.join(of_control, on=[*CELL, *SEEDS], suffix="_control", nulls_equal=True)
    return both.with_columns(difference=(pl.col("excess") / pl.col("excess_control")).log())


def noise_of_difference(pairs: pl.DataFrame, cells: pl.DataFrame, control: str) -> pl.DataFrame:
    """The noise of the difference of two runs with the same seeds, as `noise_by_tokens` gives it.

    It is the spread of the difference between the seeds of `paired` cells. Of a rule without replicates it is
    that of two runs of the control.
    """
    of_rule = noise_by_tokens(pairs, pl.col("difference"))
    of_control = noise_by_tokens(cells.filter(rule=control), pl.col("excess").log())
    return of_rule if len(of_rule) else of_control.with_columns(pl.col("sd") * math.sqrt(2))


def noise_by_tokens(table: pl.DataFrame, value: pl.Expr) -> pl.DataFrame:
    """The standard deviation of a value between replicates, by U, over all N.

    Columns unique_tokens, sd, freedom (its degrees); no rows without replicates.
    """
    groups = table.group_by(CELL).agg(value.var().alias("variance"), pl.len().alias("runs"))
    freedom = pl.col("runs") - 1
    pooled = groups.filter(pl.col("runs") > 1).group_by("unique_tokens").agg(
        sd=((pl.col("variance") * freedom).sum() / freedom.sum()).sqrt(), freedom=freedom.sum()
    )  # fmt: skip
    return pooled.sort("unique_tokens")


def noise_at(noise: pl.DataFrame, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The variance at each U of `tokens`, by the U that it was measured at: parts [tokens, measured].

    A row adds up to the variance at its U, interpolated in ln U, constant beyond. Also the degrees of freedom
    of each column [measured]: U between two others knows no noise of its own.
    """
    x, known = np.log(tokens), np.log(noise["unique_tokens"].to_numpy())
    weights = np.stack([np.interp(x, known, unit) for unit in np.eye(len(known))], axis=1)
    return weights * noise["sd"].to_numpy() ** 2, noise["freedom"].to_numpy()


@functools.lru_cache(maxsize=256)
def t_factor(freedom: float, level: float = 0.95) -> float:
    """The quantile of Student's t for a two-sided interval."""
    from scipy import stats

    return float(stats.t.ppf((1 + level) / 2, max(1.0, min(freedom, math.inf))))
