"""Plans and next runs as tables of the terminal."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from quarry import text
from quarry.analysis.fitting.prediction.band import FURTHER
from quarry.analysis.laws.mixture import COUNTS, law_weights
from quarry.console import TitledTable

if TYPE_CHECKING:
    from quarry.analysis.fitting.intervals import Interval
    from quarry.analysis.planning.budget import Plan
    from quarry.analysis.planning.next_runs import NextRun, NextRuns
    from quarry.analysis.planning.surface import Surface


def plan_table(plans: "Sequence[Plan]") -> Table:
    """N, E, k, B, S and loss of each plan."""
    unique = plans[0].unique_tokens
    tokens = "fresh tokens" if unique is None else f"{text.count(unique)} unique tokens"
    table = _table(
        f"the best N and E for {text.power(plans[0].flops)} FLOPs and {tokens}",
        ("fit", "law", "N", "E", "k", "B", "S", "loss", "limited by"),
        caption="\n".join(_captions(plans)),
    )
    for shown in plans:
        counts = (text.count(value) for value in (shown.n, shown.tokens))
        batch = (text.count(value) for value in (shown.batch_tokens, shown.steps))
        passes = text.number(shown.epochs, 3)
        name = Text(shown.name)
        table.add_row(name, shown.law, *counts, passes, *batch, text.number(shown.loss), _limit(shown))
    return table


def _captions(plans: "Sequence[Plan]") -> list[str]:
    """What C, N and B are."""
    counts = ", ".join(dict.fromkeys(shown.count for shown in plans if shown.count))
    rules = ", ".join(dict.fromkeys(shown.batch_rule for shown in plans))
    return [f"C = 6NE{f'; N: {counts}' if counts else ''}", f"B: {rules}"]


def mixture_lines(surfaces: "Sequence[Surface]") -> list[Text]:
    """For each fit of laws together, of which loss its N and E are the least."""
    return [
        Text(f"{surface.name}: the least mean loss of {', '.join(_weighed(weights))}")
        for surface in surfaces
        if (weights := law_weights(surface.params))
    ]


def _weighed(weights: Mapping[str, float]) -> list[str]:
    return [f"{law} ({weight:.0%})" for law, weight in weights.items() if weight >= COUNTS]


def _limit(shown: "Plan") -> str:
    """The regime with its probability, and the shares of its terms."""
    if shown.regime is None:
        return text.MISSING
    label, terms, probability = shown.regime.label, shown.regime.terms, shown.regime.probability
    shares = ", ".join(f"{name} {term / sum(terms.values()):.0%}" for name, term in terms.items())
    sure = "" if probability is None or label == "mixed" else f" in {probability[label]:.0%}"
    return f"{label}{sure} ({shares})"


def interval_table(plans: "Sequence[Plan]") -> Table:
    """The intervals of N, E and loss."""
    table = _table(
        f"{', '.join(dict.fromkeys(f'{shown.level:.0%}' for shown in plans))} intervals",
        ("fit", "N", "E", "loss, the law", "loss, a new run", "regret"),
        caption="regret: what this N and E may lose against the best, in nats",
    )
    for shown in plans:
        counts = (_between(sides, text.count) for sides in (shown.n_interval, shown.tokens_interval))
        losses = (_between(sides, text.number) for sides in (shown.loss_band, shown.run_band))
        table.add_row(Text(shown.name), *counts, *losses, text.number(shown.regret, 2))
    return table


def parts_lines(plans: "Sequence[Plan]") -> list[Text]:
    """What each plan's interval of a new run is made of, a line each."""
    return [
        Text(f"{shown.name}: {_width(shown)}: {shown.run_parts['words']}")
        for shown in plans
        if shown.run_parts
    ]


def _width(shown: "Plan") -> str:
    low, high = shown.run_band
    if low is None or high is None:
        return "the loss of a new run has no interval"
    return f"the loss of a new run is known within {text.percent(math.log(high / low) / 2, decimals=1)}"


def _between(sides: "Interval", form: Callable[[float | None], str]) -> str:
    low, high = sides
    return text.MISSING if low is None and high is None else f"{form(low)} to {form(high)}"


def help_table(plans: "Sequence[Plan]") -> Table:
    """The elasticities of the reducible loss, and what twice of each thing would take off the loss."""
    bought = ("C", "U", "N", "k")
    table = _table(
        "what more would help",
        ("fit", "ε_N", "ε_U", "ε_k", *(f"2×{name}" for name in bought)),
        caption="ε: per cent off the reducible loss for a per cent more (U at fixed k); 2×: nats per token "
        "off the loss, C and U planned anew",
    )
    for shown in plans:
        slopes = (text.number(shown.elasticity.get(x), 3) for x in ("N", "U", "k"))
        gains = (shown.doubling.get(x) for x in bought)
        table.add_row(Text(shown.name), *slopes, *(text.number(gain and gain.gain, 3) for gain in gains))
    return table


def next_table(result: "NextRuns") -> Table:
    """The runs to make, and the standard error of the target after each."""
    what = f"log {result.target}" if result.logarithmic else result.target
    spent = f"{text.power(result.spent)} of {text.power(result.budget)} FLOPs"
    table = _table(
        f"runs that narrow {what} = {text.number(result.estimate)}, {spent}",
        ("run", "N", "E", "U", "k", "C", "expected loss", Text(f"s.e. of {what}"), "of misfit"),
        caption=_reach(result),
    )
    table.add_row("so far", *[""] * 6, *_errors(result))
    for i, run in enumerate(result.runs, 1):
        counts = (text.count(value) for value in (run.n, run.tokens, run.unique_tokens))
        passes = text.number(run.tokens / run.unique_tokens, 3)
        last = (text.power(run.flops), text.number(run.loss), *_errors(run))
        table.add_row(str(i), *counts, passes, *last)
    return table


def _errors(known: "NextRuns | NextRun") -> tuple[str, str]:
    """The standard error, and the part of it that the misfit beyond the points makes."""
    part = text.number(known.extrapolation, 3) if known.extrapolation else text.MISSING
    return text.number(known.standard_error, 3), part


def _reach(result: "NextRuns") -> str | None:
    """How far the target lies beyond the fitted range, and how far the laws differ about it."""
    factor, further = text.number(result.factor, 3), FURTHER if result.further else ""
    beyond = f"{result.target} lies beyond the fitted range by a factor of {factor}{further}"
    differ = f"the laws differ by {text.number(result.disagreement, 3)}, which is in every s.e."
    said = [beyond] * (result.factor != 1) + [differ] * (result.disagreement > 0)
    return "; ".join(said) or None


def _table(title: str, headings: Sequence[str | Text], caption: str | None = None) -> Table:
    table = TitledTable(title=title, caption=caption, padding=(0, 1))
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("fit", "law", "limited by") else "right")
    return table
