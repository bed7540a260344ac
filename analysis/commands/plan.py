"""`quarry plan`: from fits and a budget to the runs to make."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis import text
from analysis.figures.plan import planned_losses, regime_map
from analysis.intervals import Interval
from analysis.next_points import NextPoints, next_points
from analysis.plan import (
    PUBLISHED_PLANS,
    Plan,
    PlanError,
    Surface,
    plan,
    plannable,
    published_surface,
    read_fit,
)
from train.record import RecordError, write_json

WritePoints = Callable[..., list[Path]]
"""`train.scaffold.write_points`: experiment files for points (N, E, U) after a study's file, in a folder."""

_ALIKE = 0.01


def plan_command(
    *,
    fits: Sequence[Path],
    flops: float | None,
    unique_tokens: float | None,
    batch_tokens: float | None,
    figure: Path | None,
    output: Path | None,
    console: Console,
) -> list[Plan]:
    """Print what to train for `flops` by each fit, or by published fits if none is given.

    `output` gets the plans as JSON; `figure` (.html, .png, .svg, .pdf or .json) the losses against N, and
    beside it a map of the regime for each law. Raises PlanError, LawError, RecordError.
    """
    if flops is None:
        raise PlanError("name the budget with --flops, or the number of runs to make next with --next")
    surfaces = _surfaces(fits)
    plans = [plan(surface, flops, unique_tokens, batch_tokens) for surface in surfaces]
    if not fits:
        console.print(Text("no --fit given: published fits, whose data, tokens and counts are not yours"))
        for surface in surfaces:
            console.print(Text(f"  {surface.name}: {surface.source}"))
    console.print(plan_table(plans))
    if any(surface.draws for surface in surfaces):
        console.print(interval_table(plans))
    console.print(help_table(plans))
    _warn(console, {shown.name: shown.warnings for shown in plans})
    _write({"plans": [shown.to_json() for shown in plans]}, output)
    _draw(surfaces, flops, unique_tokens, figure)
    return plans


def next_command(
    *,
    fits: Sequence[Path],
    runs: int,
    budget: float | None,
    target: str | None,
    most_per_run: float | None,
    unique_tokens: float | None,
    like: Path | None,
    points: Path | None,
    write_points: WritePoints,
    output: Path | None,
    console: Console,
) -> NextPoints:
    """Print the runs that narrow `target` the most for `budget` FLOPs, by the one fit given.

    With `points`, a folder, they are written there by `write_points` as experiment files after the study of
    the file `like`. `output` gets them as JSON. Raises PlanError, NextPointsError, LawError, RecordError and
    what `write_points` raises.
    """
    if len(fits) != 1:
        raise PlanError(f"--next needs one fit, by --fit; there are {len(fits)}")
    if budget is None or target is None:
        raise PlanError(
            "--next needs --budget (FLOPs for all the runs) and --target, such as loss@1e21 or alpha"
        )
    if (like is None) != (points is None):
        raise PlanError("--like (a scale-point file) and --points (the folder to write) go together")
    surface = read_fit(fits[0])
    found = next_points(surface, runs, budget, target, most_per_run=most_per_run, unique_tokens=unique_tokens)
    console.print(next_table(found))
    _warn(console, {surface.name: found.warnings})
    if like is not None and points is not None:
        _write_points(found, surface, like, points, write_points, console)
    _write(found.to_json(), output)
    return found


def _surfaces(fits: Sequence[Path]) -> list[Surface]:
    """The fits by the names of their files, with the folder where two share one."""
    if not fits:
        return [published_surface(name) for name in PUBLISHED_PLANS]
    found = [read_fit(path) for path in fits]
    names = [surface.name for surface in found]
    return [
        replace(surface, name=str(path)) if names.count(surface.name) > 1 else surface
        for surface, path in zip(found, fits, strict=True)
    ]


def plan_table(plans: Sequence[Plan]) -> Table:
    """N, E, k, B, S and loss of each plan."""
    first = plans[0]
    unique = (
        "fresh tokens" if first.unique_tokens is None else f"{text.count(first.unique_tokens)} unique tokens"
    )
    table = _table(
        f"the best N and E for {text.power(first.flops)} FLOPs and {unique}",
        ("fit", "law", "N", "E", "k", "B", "S", "loss", "limited by"),
        caption=f"B: {', '.join(dict.fromkeys(shown.batch_rule for shown in plans))}",
    )
    for shown in plans:
        counts = (text.count(value) for value in (shown.n, shown.tokens))
        batch = (text.count(value) for value in (shown.batch_tokens, shown.steps))
        passes = text.number(shown.epochs, 3)
        table.add_row(shown.name, shown.law, *counts, passes, *batch, text.number(shown.loss), _limit(shown))
    return table


def _limit(shown: Plan) -> str:
    """The regime with its probability, or the largest share of one that is not sure."""
    if shown.regime is None:
        return text.MISSING
    regime, whole = shown.regime, sum(shown.regime.terms.values())
    shares = ", ".join(f"{name} {term / whole:.0%}" for name, term in regime.terms.items())
    sure = (
        ""
        if regime.probability is None or regime.label == "mixed"
        else f" in {regime.probability[regime.label]:.0%}"
    )
    return f"{regime.label}{sure} ({shares})"


def interval_table(plans: Sequence[Plan]) -> Table:
    """The intervals of N, E and loss."""
    levels = ", ".join(dict.fromkeys(f"{shown.level:.0%}" for shown in plans))
    headings = ("fit", "N", "E", "loss, the law", "loss, a new run", "regret")
    table = _table(
        f"{levels} intervals", headings, "regret: what this N and E may lose against the best, in nats"
    )
    for shown in plans:
        counts = (_between(sides, text.count) for sides in (shown.n_interval, shown.tokens_interval))
        losses = (_between(sides, text.number) for sides in (shown.loss_band, shown.run_band))
        table.add_row(shown.name, *counts, *losses, text.number(shown.regret, 2))
    return table


def _between(sides: Interval, form: Callable[[float | None], str]) -> str:
    low, high = sides
    return text.MISSING if low is None and high is None else f"{form(low)} to {form(high)}"


def help_table(plans: Sequence[Plan]) -> Table:
    """The elasticities of the reducible loss, and what twice of each thing would take off the loss."""
    bought = ("C", "U", "N", "k")
    table = _table(
        "what more would help",
        ("fit", "ε_N", "ε_U", "ε_k", *(f"2×{name}" for name in bought)),
        "ε: per cent off the reducible loss for a per cent more (U at fixed k); 2×: nats per token off the "
        "loss, C and U planned anew",
    )
    for shown in plans:
        slopes = (text.number(shown.elasticity.get(x), 3) for x in ("N", "U", "k"))
        gains = (shown.doubling.get(x) for x in bought)
        table.add_row(shown.name, *slopes, *(text.number(gain and gain.gain, 3) for gain in gains))
    return table


def next_table(found: NextPoints) -> Table:
    """The runs to make, and the standard error of the target after each."""
    what = f"log {found.target}" if found.logarithmic else found.target
    spent = f"{text.power(found.spent)} of {text.power(found.budget)} FLOPs"
    table = _table(
        f"runs that narrow {what} = {text.number(found.estimate)}, {spent}",
        ("run", "N", "E", "U", "k", "C", "expected loss", f"s.e. of {what}"),
    )
    table.add_row("so far", *[""] * 6, text.number(found.standard_error, 3))
    for i, run in enumerate(found.runs, 1):
        counts = (text.count(value) for value in (run.n, run.tokens, run.unique_tokens))
        passes = text.number(run.tokens / run.unique_tokens, 3)
        last = (text.power(run.flops), text.number(run.loss), text.number(run.standard_error, 3))
        table.add_row(str(i), *counts, passes, *last)
    return table


def _table(title: str, headings: Sequence[str], caption: str | None = None) -> Table:
    table = Table(title=title, caption=caption, box=None, padding=(0, 1))
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("fit", "law", "limited by") else "right")
    return table


def _warn(console: Console, warnings: Mapping[str, Sequence[str]]) -> None:
    """Each warning once, with the names of the fits that it is of."""
    for warning in dict.fromkeys(warning for found in warnings.values() for warning in found):
        names = ", ".join(name for name, found in warnings.items() if warning in found)
        console.print(Text("warning: ", "bold yellow") + Text(f"{names}: {warning}"))


def _write_points(
    found: NextPoints, surface: Surface, like: Path, folder: Path, write: WritePoints, console: Console
) -> None:
    """The runs as experiment files; U only where they repeat."""
    points = [
        (run.n, run.tokens, run.unique_tokens if run.tokens > (1 + _ALIKE) * run.unique_tokens else None)
        for run in found.runs
    ]
    expected = [
        f"a loss of about {text.number(run.loss)} nats per token at the N asked for, by {surface.name} "
        f"({surface.law.name}); it narrows {found.target}."
        for run in found.runs
    ]
    for file in write(points, like, folder, expected=expected):
        console.print(f"wrote {file}", highlight=False)


def _write(value: dict[str, Any], output: Path | None) -> None:
    if output is None:
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_json(output, value)
    except OSError as error:
        raise RecordError(f"cannot write {output}: {error.strerror}") from None


def _draw(
    surfaces: Sequence[Surface], flops: float, unique_tokens: float | None, figure: Path | None
) -> None:
    """The figures of the laws that are surfaces of N and E. Raises PlanError if there is none, or no file."""
    if figure is None:
        return
    drawn = [surface for surface in surfaces if plannable(surface.law)]
    if not drawn:
        raise PlanError(
            f"no figure: {', '.join(surface.law.name for surface in surfaces)} is no surface of N and E"
        )
    try:
        figure.parent.mkdir(parents=True, exist_ok=True)
        for file, chart in _charts(drawn, flops, unique_tokens, figure):
            chart.save(file)
    except (OSError, ValueError) as error:
        raise PlanError(f"cannot write the figure {figure}: {error}") from None


def _charts(
    surfaces: list[Surface], flops: float, unique_tokens: float | None, figure: Path
) -> Iterator[tuple[Path, Any]]:
    yield figure, planned_losses(surfaces, flops, unique_tokens)
    for i, surface in enumerate(surfaces, 1):
        yield figure.with_stem(f"{figure.stem}-regimes-{i}"), regime_map(surface, flops)
