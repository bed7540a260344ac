"""Which runs to make next: those that narrow a chosen quantity of a fitted law the most."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from quarry import text
from quarry.analysis.fitting.estimation import Fit
from quarry.analysis.planning.candidates import candidates, check_affordable, fitted_ranges
from quarry.analysis.planning.design import Design
from quarry.analysis.planning.identification import check_identified
from quarry.analysis.planning.saved_fit import surface_of
from quarry.analysis.planning.surface import Surface, check_plannable
from quarry.analysis.planning.target import find_target
from quarry.checks import check_positive
from quarry.errors import FitError


@dataclass(frozen=True)
class NextRun:
    """A run to make: N parameters, E tokens over U unique ones, its FLOPs = 6NE and predicted loss.

    `standard_error` is what is expected of the target with this run and those before it.
    """

    n: float
    tokens: float
    unique_tokens: float
    flops: float
    loss: float
    standard_error: float


@dataclass(frozen=True)
class NextRuns:
    """The runs that narrow `target` the most for a budget of FLOPs.

    `estimate` and the standard errors are of the target, of its logarithm where `logarithmic`.
    """

    target: str
    logarithmic: bool
    estimate: float
    standard_error: float
    runs: tuple[NextRun, ...]
    budget: float
    spent: float
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        return asdict(self)


def plan_next_runs(
    fit: Fit | Surface,
    runs: int,
    budget: float,
    target: str,
    *,
    most_per_run: float | None = None,
    unique_tokens: float | None = None,
) -> NextRuns:
    """At most `runs` runs within `budget` FLOPs that narrow `target` the most, each at most `most_per_run`.

    A target is a parameter, a derived quantity such as `a`, or `loss@C`, the loss of the best plan for C
    FLOPs. Candidates lie in the fitted range of N and E and up to ten times above it, with E/N within a
    factor of ten of its fitted range; those of a law that knows repeats may make several passes;
    `unique_tokens` are the most there are. The choice is greedy, by the variance taken away for each FLOP and
    by that alone, each improved by exchange, whichever ends lower. Raises FitError.
    """
    surface = surface_of(fit) if isinstance(fit, Fit) else fit
    check_plannable(surface.law)
    _check(runs, budget, most_per_run, unique_tokens)
    most = min(budget, most_per_run or budget)
    inputs = candidates(surface, unique_tokens)
    check_affordable(inputs, most)
    check_identified(surface, inputs, most)
    wanted = find_target(surface, target, unique_tokens)
    design = Design.of(surface, inputs, wanted.gradient)
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
    )


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
        loss, error = float(surface.loss(n, tokens, unique)), math.sqrt(design.variance(chosen[:number]))
        found.append(NextRun(n, tokens, unique, float(design.flops[place]), loss, error))
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
