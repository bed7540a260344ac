"""Which runs to make next: those that narrow a chosen quantity of a fitted law the most."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from quarry import text
from quarry.analysis.planning.candidates import check_affordable, fitted_ranges, list_candidates
from quarry.analysis.planning.design import Design
from quarry.analysis.planning.identification import check_identified
from quarry.analysis.planning.members import members_of, of_one_law
from quarry.analysis.planning.surface import Surface, check_plannable
from quarry.analysis.planning.target import find_target
from quarry.analysis.points.units import check_counts
from quarry.checks import check_positive
from quarry.errors import FitError
from quarry.results import Result

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


@dataclass(frozen=True)
class NextRun:
    """A run to make: N parameters, E tokens over U unique ones, its FLOPs = 6NE and predicted loss.

    `standard_error` is that expected for the target with this run and those before it, `extrapolation` the
    part of it that is the law's misfit at a target beyond all runs.
    """

    n: float
    tokens: float
    unique_tokens: float
    flops: float
    loss: float
    standard_error: float
    extrapolation: float = 0.0


@dataclass(frozen=True)
class NextRuns(Result):
    """The runs that narrow `target` the most for a budget of FLOPs.

    `estimate` and the standard errors are of the target, of its logarithm where `logarithmic`;
    `extrapolation` is what a loss beyond the fitted range, by `factor`, owes to misfit; `further`: than any
    backtest. `disagreement` is the standard deviation of the target between laws fitted together, a part of
    every standard error: which of them these runs will favour is not known before.
    """

    target: str
    logarithmic: bool
    estimate: float
    standard_error: float
    runs: tuple[NextRun, ...]
    budget: float
    spent: float
    warnings: tuple[str, ...]
    extrapolation: float = 0.0
    factor: float = 1.0
    further: bool = False
    disagreement: float = 0.0

    @property
    def headline(self) -> str:
        runs, spent = text.plural(len(self.runs), "run"), text.power(self.spent)
        return f"{runs} to narrow {self.target}, {spent} FLOPs in all"

    def table(self) -> pl.DataFrame:
        """A row for each run, the most informative first: the fields of `NextRun`."""
        return pl.DataFrame([asdict(run) for run in self.runs])

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        return asdict(self)


def plan_next_runs(
    fit: "Fit | Surface",
    runs: int,
    budget: float,
    target: str,
    *,
    most_per_run: float | None = None,
    unique_tokens: float | None = None,
) -> NextRuns:
    """The runs within a budget that narrow a quantity of a fitted law the most.

    Candidates lie in the fitted range of N and E and up to ten times above it, with E/N within a factor of
    ten of its fitted range. For a law of repeated data they may make several passes. A run beyond the fitted
    range tells less of the parameters, by the law's misfit there, and brings the range nearer to a loss
    beyond it. The choice is greedy,
    once by the reduction of variance per FLOP and once by the reduction alone; each is improved by exchange,
    and the better one is returned.

    Args:
        fit: A fit with draws, or a surface read from a file.
        runs: How many runs at most.
        budget: FLOPs for all runs together.
        target: A parameter, a derived quantity such as `a` (of one of several laws together: `chinchilla.a`),
            or `loss@C`, the loss of the best plan for C FLOPs.
        most_per_run: FLOPs for one run at most.
        unique_tokens: The unique tokens there are (None: no limit).

    Returns:
        The runs in the order in which they help, with the standard error of the target expected after each.

    Raises:
        FitError: The law is not a surface of N and E, the runs so far do not bound its parameters, or the
            budget buys no run near the fitted range.

    Examples:
        >>> import itertools, polars as pl, quarry
        >>> grid = itertools.product([1e6, 4e6, 1.6e7, 6.4e7], [1e8, 4e8, 1.6e9, 6.4e9])
        >>> rows = [
        ...     {"N": n, "E": e, "loss": (1.7 + 400 / n**0.34 + 410 / e**0.28) * (1 + 0.001 * (i % 3 - 1))}
        ...     for i, (n, e) in enumerate(grid)
        ... ]
        >>> found = quarry.fit(pl.DataFrame(rows), "chinchilla", bootstrap=100)
        >>> result = quarry.plan_next_runs(found, runs=2, budget=1e18, target="loss@1e19")
        >>> result.runs[-1].standard_error < result.standard_error
        True
    """
    surface = fit if isinstance(fit, Surface) else Surface.of(fit)
    check_plannable(surface.law)
    check_counts(surface.ranges)
    _check(runs, budget, most_per_run, unique_tokens)
    most = min(budget, most_per_run or budget)
    inputs = list_candidates(surface, unique_tokens)
    check_affordable(inputs, most)
    concerned, quantity = of_one_law(surface, target)
    for member in members_of(concerned).values():
        check_identified(member.surface, inputs, most)
    wanted = find_target(concerned, quantity, unique_tokens)
    design = Design.of(surface, inputs, wanted)
    chosen = _runs(surface, inputs, design, design.choose(runs, budget, most))
    return NextRuns(
        target=target,
        logarithmic=wanted.logarithmic,
        estimate=wanted.value,
        standard_error=math.sqrt(design.variance([])),
        runs=chosen,
        budget=budget,
        spent=sum(run.flops for run in chosen),
        warnings=tuple(_warnings(surface, chosen)),
        extrapolation=math.sqrt(design.misfit_variance([])),
        disagreement=math.sqrt(design.disagreement),
        **_place(surface, wanted.at),
    )


def _place(surface: Surface, at: dict[str, Any] | None) -> dict[str, Any]:
    """How far a loss lies beyond the fitted range."""
    if surface.outlook is None or at is None:
        return {}
    distance = float(surface.outlook.extrapolation.distance(at))
    return {"factor": math.exp(distance), "further": distance > surface.outlook.furthest}


def _check(runs: int, budget: float, most_per_run: float | None, unique_tokens: float | None) -> None:
    if runs < 1:
        raise FitError(f"next={runs}: at least one run")
    check_positive(FitError, budget=budget, most_per_run=most_per_run, unique_tokens=unique_tokens)


def _runs(
    surface: Surface, inputs: dict[str, np.ndarray], design: Design, chosen: list[int]
) -> tuple[NextRun, ...]:
    found = []
    for number, place in enumerate(chosen, 1):
        n, tokens, unique = (float(inputs[name][place]) for name in ("N", "E", "U"))
        loss, made = float(surface.loss(n, tokens, unique)), chosen[:number]
        errors = math.sqrt(design.variance(made)), math.sqrt(design.misfit_variance(made))
        found.append(NextRun(n, tokens, unique, float(design.flops[place]), loss, *errors))
    return tuple(found)


def _warnings(surface: Surface, runs: tuple[NextRun, ...]) -> Iterator[str]:
    if half_open := [p.name for p in surface.free if None in surface.parameter_interval[p.name]]:
        yield (
            f"{half_open[0]} is bounded on one side only: the errors take the draws for a normal distribution"
        )
    n_range, e_range = fitted_ranges(surface)
    for name, values, (low, high) in (
        ("N", [run.n for run in runs], n_range),
        ("E", [run.tokens for run in runs], e_range),
    ):
        if outside := sum(not low <= value <= high for value in values):
            yield (
                f"{name} of {text.plural(outside, 'run')} is outside the fitted {text.count(low)} to "
                f"{text.count(high)}: the gain holds if the law does"
            )
    yield from surface.caveats
