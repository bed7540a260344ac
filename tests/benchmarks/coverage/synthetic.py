"""`python -m tests.benchmarks.coverage.synthetic`: the coverage of our intervals where the truth is known.

Ladders are drawn from Chinchilla's law and from three laws that it misfits, and fitted with Chinchilla's.
One new run each is predicted inside the ladder and at factors of compute beyond it. A row for each truth and
factor (and design): how many runs the 95% and 80% intervals hold with the standard error, the median width,
error and parts of the interval, in log loss.
"""

import argparse
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from quarry import fit
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.analysis.laws.law import Law
from tests.benchmarks.coverage.contenders import LEVELS, at_level
from tests.benchmarks.coverage.truths import DESIGNS, TRUTHS, Places
from tests.benchmarks.tables import write_dated

FACTORS = (1, 3, 10, 30, 100)
"""How far beyond the largest compute, N and E growing alike; 1 for a random place inside."""

DRAWS = 200
_NOISE = (0.001, 0.005)
_PARTS = ("parameters", "seed", "extrapolation")


def main() -> None:
    """Write the coverage by truth and factor, by design too, and the row of each run."""
    options = argparse.ArgumentParser("python -m tests.benchmarks.coverage.synthetic", description=__doc__)
    options.add_argument("--repeats", type=int, default=40, help="ladders of each truth and design")
    options.add_argument("--truth", nargs="*", choices=TRUTHS, default=list(TRUTHS))
    chosen = options.parse_args()
    warnings.simplefilter("ignore")
    rows = []
    for repeat in range(chosen.repeats):
        print("repeat", repeat, flush=True)
        rows += [row for truth in chosen.truth for name in DESIGNS for row in ladder(truth, name, repeat)]
    points = pl.DataFrame(rows)
    write_dated("synthetic-coverage-points", points.to_dicts())
    write_dated("synthetic-coverage-design", summary(points, ["truth", "design", "factor"]).to_dicts())
    write_dated("synthetic-coverage", summary(points, ["truth", "factor"]).to_dicts())


def ladder(
    truth: str, design: str, repeat: int, law: Law = CHINCHILLA, draws: int = DRAWS
) -> Iterator[dict[str, Any]]:
    """A row for each factor of one ladder: the new run against its intervals, in log loss."""
    rng = np.random.default_rng([list(TRUTHS).index(truth), list(DESIGNS).index(design), repeat])
    places, noise = DESIGNS[design](), float(np.exp(rng.uniform(*np.log(_NOISE))))
    loss = TRUTHS[truth](rng, places)
    found = fit(places.measured(loss, noise, rng), law, bootstrap=draws)
    new = places_ahead(places, design, rng)
    measured = np.log(new.measured(loss, noise, rng)["loss"].to_numpy())
    at = {"N": new.N, "E": new.E}
    parts = found.parts(at)
    scores: dict[str, np.ndarray] = {"error": measured - np.log(found.predict(at))}
    scores |= {name: getattr(parts, name) for name in _PARTS}
    for level in LEVELS:
        low, high = (np.log(side) for side in at_level(found, level).band(at, new_run=True))
        scores |= {f"inside_{level:.0%}": (low <= measured) & (measured <= high)}
        scores |= {f"width_{level:.0%}": high - low}
    for i, factor in enumerate(FACTORS):
        known = {"truth": truth, "design": design, "repeat": repeat, "noise": noise, "factor": factor}
        yield known | {name: float(values[i]) for name, values in scores.items()}


def places_ahead(places: Places, design: str, rng: np.random.Generator) -> Places:
    """A place inside the design, then those beyond its largest compute [factors]."""
    budget = places.compute
    top = budget >= budget.max() * (1 - 1e-9)
    size, tokens = (np.exp(np.log(each[top]).mean()) for each in (places.N, places.E))
    inside = _inside_grid(places, rng) if design == "grid" else _inside_isoflop(places, rng)
    grown = np.sqrt(FACTORS[1:])
    return Places(np.array([inside[0], *size * grown]), np.array([inside[1], *tokens * grown]))


def _inside_grid(places: Places, rng: np.random.Generator) -> tuple[float, float]:
    """N and E between the least and the largest of each."""
    size, tokens = (np.exp(rng.uniform(*np.log([each.min(), each.max()]))) for each in (places.N, places.E))
    return float(size), float(tokens)


def _inside_isoflop(places: Places, rng: np.random.Generator) -> tuple[float, float]:
    """N and E at a budget and a ratio E / N between the least and the largest of each."""
    budget, ratio = (
        np.exp(rng.uniform(*np.log([each.min(), each.max()])))
        for each in (places.compute, places.E / places.N)
    )
    return float(np.sqrt(budget / 6 / ratio)), float(np.sqrt(budget * ratio / 6))


def summary(points: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """The coverage of each cell and its standard error, medians, and by what the widths would have to be
    multiplied to hold 95% and 80% (below 1: too wide)."""
    return points.group_by(by, maintain_order=True).agg(
        runs=pl.len(),
        inside_95=pl.col("inside_95%").mean(),
        inside_80=pl.col("inside_80%").mean(),
        standard_error_95=_standard_error("inside_95%"),
        standard_error_80=_standard_error("inside_80%"),
        needed_95=_needed(0.95),
        needed_80=_needed(0.8),
        width_95=pl.col("width_95%").median(),
        width_80=pl.col("width_80%").median(),
        error=pl.col("error").abs().median(),
        bias=pl.col("error").median(),
        **{name: pl.col(name).median() for name in _PARTS},
    )


def _standard_error(inside: str) -> pl.Expr:
    """Of a share, by Agresti and Coull 1998: two successes and two failures more, for shares of 0 and 1."""
    runs = pl.len() + 4
    share = (pl.col(inside).sum() + 2) / runs
    return (share * (1 - share) / runs).sqrt()


def _needed(level: float) -> pl.Expr:
    return (2 * pl.col("error").abs() / pl.col(f"width_{level:.0%}")).quantile(level, "linear")


if __name__ == "__main__":
    main()
