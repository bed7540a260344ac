"""What to train with a budget: the best N and E of a fitted law, their bands, and what would help more."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from quarry import text
from quarry.analysis.laws.batch_size import KAPLAN_CRITICAL_BATCH, critical_batch
from quarry.analysis.laws.kaplan import KAPLAN_NS
from quarry.analysis.planning.kaplan_plan import KaplanPlan
from quarry.analysis.planning.law_plan import Doubling, LawPlan
from quarry.analysis.planning.surface import Surface, check_plannable
from quarry.analysis.points.schema import SAME_VALUE
from quarry.analysis.points.units import check_counts
from quarry.checks import check_positive
from quarry.errors import FitError
from quarry.results import Result, quantities

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import Interval
    from quarry.analysis.fitting.result import Fit
    from quarry.analysis.planning.regime import Regime

KAPLAN_RULE = "the critical batch at this loss, constants published by Kaplan 2020 (eq. 1.4)"

# With fewer optimiser steps the loss depends on warmup and batch as much as on N and E: a warning.
_FEWEST_STEPS = 1000

# An input outside the fitted range by more than this many decades earns a warning.
_OUTSIDE = 0.05


@dataclass(frozen=True)
class Plan(Result):
    """The compute-optimal plan of one law: N parameters, E, U and B in tokens, losses in nats per token.

    - `n_interval` and `tokens_interval` are the intervals of each draw's own optimum, `loss_band` that of the
      law at this plan, `run_band` that of one new run; `run_parts` the half-widths (of log loss) that each
      part of it alone would give (parameters, seed, extrapolation), the factor by which the plan lies beyond
      the fitted range, and whether that is further than any backtest.
    - `regret` bounds, in `level` of the draws, how much more loss this plan has than the draw's own optimum.
    - `elasticity` is -d ln(L - L_inf) / d ln x for x of N, U (at fixed k) and k. Without `unique_tokens`
      every token is fresh: U = E, k = 1, and the elasticities of U and k are both that of E.
    - `doubling` has C and U (planned anew) and N and k (all else equal).
    - `outside` is by how many decades an input lies above (or, negative, below) the fitted range.

    None stands for what the law cannot give.
    """

    name: str
    law: str
    source: str
    count: str
    level: float
    flops: float
    unique_tokens: float | None
    n: float
    tokens: float
    epochs: float
    spent: float
    n_interval: "Interval"
    tokens_interval: "Interval"
    loss: float
    irreducible: float
    loss_band: "Interval"
    run_band: "Interval"
    run_parts: dict[str, Any] | None
    regret: float | None
    batch_tokens: float
    batch_rule: str
    steps: float
    elasticity: dict[str, float]
    elasticity_interval: "dict[str, Interval]"
    regime: "Regime | None"
    doubling: dict[str, Doubling]
    outside: dict[str, float]
    warnings: tuple[str, ...]

    @property
    def headline(self) -> str:
        return f"plan for {text.power(self.flops)} FLOPs by {self.name}"

    def table(self) -> pl.DataFrame:
        """N, E and the loss of a new run (nats per token): value, low and high, null where unbounded."""
        known = {"N": (self.n, self.n_interval), "E": (self.tokens, self.tokens_interval)}
        return quantities(known | {"loss": (self.loss, self.run_band)})

    def to_json(self) -> dict[str, Any]:
        """Strict JSON values."""
        return asdict(self)


def plan(
    fit: "Fit | Surface",
    flops: float,
    unique_tokens: float | None = None,
    batch_tokens: float | None = None,
) -> Plan:
    """The N and E of least loss for a budget, by a fitted law.

    Where more passes hurt, less than the budget is spent.

    Args:
        fit: A fit, or a surface read from a file or published.
        flops: The budget, C = 6NE.
        unique_tokens: The unique tokens there are (None: every token is fresh).
        batch_tokens: Tokens of one optimiser step; by default the critical batch at the plan's loss.

    Returns:
        The plan: N, E, the loss, their intervals, and what more of each would buy.

    Raises:
        FitError: The budget is not positive, the law is not a surface of N and E, its points cannot divide a
            budget between them, or the loss has no least value within the budget.

    Examples:
        >>> import itertools, polars as pl, quarry
        >>> grid = itertools.product([1e6, 4e6, 1.6e7, 6.4e7], [1e8, 4e8, 1.6e9])
        >>> points = pl.DataFrame([{"N": n, "E": tokens} for n, tokens in grid])
        >>> loss = 1.7 + 400 / pl.col("N") ** 0.34 + 410 / pl.col("E") ** 0.28
        >>> found = quarry.fit(points.with_columns(loss=loss), "chinchilla", bootstrap=0)
        >>> best = quarry.plan(found, flops=1e18)
        >>> round(6 * best.n * best.tokens / 1e18, 3)
        1.0
    """
    surface = fit if isinstance(fit, Surface) else Surface.of(fit)
    check_positive(FitError, flops=flops, unique_tokens=unique_tokens, batch_tokens=batch_tokens)
    check_counts(surface.ranges)
    if surface.law is KAPLAN_NS:
        return _report(KaplanPlan(surface, flops, unique_tokens, batch_tokens), batch_tokens)
    check_plannable(surface.law)
    for x in ("N", "E"):
        low, high = surface.ranges.get(x, (1.0, 2.0))
        if high < low * (1 + SAME_VALUE):
            raise FitError(
                f"{surface.name}: {x} never varies in the points it was fitted to, so it cannot say how to "
                f"divide a budget between N and E: vary {x}"
            )
    if surface.confounded:
        raise FitError(
            f"{surface.name}: N and E move together in the points it was fitted to, so it cannot say how to "
            "divide a budget between them: vary E at fixed N"
        )
    return _report(LawPlan.best(surface, flops, unique_tokens), batch_tokens)


def _report(best: LawPlan | KaplanPlan, batch_tokens: float | None) -> Plan:
    surface, elasticities = best.surface, best.elasticities()
    loss_band, run_band = surface.bands(best.at, best.inputs)
    parts = surface.parts(best.at, best.inputs)
    n_interval, tokens_interval, regret = best.optima()
    batch, rule = _batch(surface, best.loss, batch_tokens)
    shown = Plan(
        name=surface.name,
        law=surface.law.name,
        source=surface.source,
        count=surface.count,
        level=surface.level,
        flops=best.flops,
        unique_tokens=best.unique,
        n=best.n,
        tokens=best.tokens,
        epochs=best.epochs,
        spent=6 * best.n * best.tokens,
        n_interval=n_interval,
        tokens_interval=tokens_interval,
        loss=best.loss,
        irreducible=surface.params.get("L_inf", 0.0),
        loss_band=loss_band,
        run_band=run_band,
        run_parts=parts.to_json() if parts else None,
        regret=regret,
        batch_tokens=batch,
        batch_rule=rule,
        steps=best.tokens / batch,
        elasticity={x: value for x, (value, _) in elasticities.items()},
        elasticity_interval={x: interval for x, (_, interval) in elasticities.items()},
        regime=best.regime(),
        doubling=best.doublings(),
        outside=_outside(surface, best.inputs),
        warnings=(),
    )
    repeats = [] if best.known else [_repeats_sentence(shown)]
    doubts = (*best.remarks(), *_few_steps(shown), *_doubts(surface, shown.outside))
    return replace(shown, warnings=(*repeats, *doubts))


def _batch(surface: Surface, loss: float, given: float | None) -> tuple[float, str]:
    """The tokens of a step and the rule they come from."""
    if given is not None:
        return given, "as given"
    rule = KAPLAN_RULE if surface.critical == KAPLAN_CRITICAL_BATCH else "the critical batch given to the fit"
    return float(critical_batch(loss, surface.critical)), rule


def _outside(surface: Surface, inputs: Mapping[str, Any]) -> dict[str, float]:
    """By how many decades each input lies outside the fitted range, where it does."""
    ranged = [x for x in inputs if x in surface.ranges]
    decades = {x: _decades(float(inputs[x]), *surface.ranges[x]) for x in ranged}
    return {x: value for x, value in decades.items() if abs(value) > _OUTSIDE}


def _decades(value: float, low: float, high: float) -> float:
    return min(0.0, math.log10(value / low)) + max(0.0, math.log10(value / high))


def _repeats_sentence(shown: Plan) -> str:
    return (
        f"the plan makes {text.number(shown.epochs, 2)} passes over {text.count(shown.unique_tokens)} unique "
        f"tokens, and {shown.law} knows fresh ones only: its loss is that of {text.count(shown.tokens)} "
        "fresh tokens"
    )


def _few_steps(shown: Plan) -> Iterable[str]:
    if shown.batch_rule == KAPLAN_RULE and shown.steps < _FEWEST_STEPS:
        yield (
            f"the published critical batch leaves {text.number(shown.steps, 3)} steps: measure your own or "
            "give --batch-tokens"
        )


def _doubts(surface: Surface, outside: Mapping[str, float]) -> Iterable[str]:
    """Reasons to doubt any plan by this surface."""
    for x, decades in outside.items():
        yield _outside_sentence(x, decades, surface.ranges[x])
    if not surface.ranges:
        yield "the range that the law was fitted on is not known here"
    if not surface.draws:
        yield "no band: the parameters come without draws"
    elif surface.outlook is None:
        yield "the fit has no backtests: its band leaves out what the law misses beyond its points"
    yield from surface.caveats


def _outside_sentence(x: str, decades: float, limits: tuple[float, float]) -> str:
    low, high = (text.power(limit) if x == "C" else text.count(limit) for limit in limits)
    side = "above" if decades > 0 else "below"
    return f"{x} is {abs(decades):.1f} decades {side} the fitted range, {low} to {high}"
