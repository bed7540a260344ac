"""`quarry plan`: from fits and a budget to the runs to make."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from quarry import text
from quarry.analysis.commands.fit import print_warnings, write_result
from quarry.analysis.commands.plan_tables import help_table, interval_table, next_table, plan_table
from quarry.analysis.planning.budget import Plan, plan
from quarry.analysis.planning.next_runs import NextRuns, plan_next_runs
from quarry.analysis.planning.saved_fit import read_fit
from quarry.analysis.planning.surface import Surface, plannable, published_surface
from quarry.errors import FitError
from quarry.train.record.files import replacing

PUBLISHED_PLANS = ("besiroglu", "hoffmann", "muennighoff", "kaplan-ns")
"""The published fits that plan where no fit of one's own is given."""

WritePoints = Callable[..., list[Path]]
"""`quarry.train.launch.scaffold.write_points`: experiment files for points (N, E, U) after a study's file,
in a folder."""

# A run of more than so many passes repeats its data.
_REPEATS = 1.01


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
    beside it a map of the regime for each law. Raises FitError, LawError, RecordError.
    """
    if flops is None:
        raise FitError("name the budget with --flops, or the number of runs to make next with --next")
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
    print_warnings(_shared(plans), console)
    if output is not None:
        write_result({"plans": [shown.to_json() for shown in plans]}, output)
    if figure is not None:
        draw(surfaces, flops, unique_tokens, figure)
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
) -> NextRuns:
    """Print the runs that narrow `target` the most for `budget` FLOPs, by the one fit given.

    With `points`, a folder, they are written there by `write_points` as experiment files after the study of
    the file `like`. `output` gets them as JSON. Raises FitError, LawError, RecordError and
    what `write_points` raises.
    """
    if len(fits) != 1:
        raise FitError(f"--next needs one fit, by --fit; there are {len(fits)}")
    if budget is None or target is None:
        raise FitError(
            "--next needs --budget (FLOPs for all the runs) and --target, such as loss@1e21 or alpha"
        )
    if (like is None) != (points is None):
        raise FitError("--like (a scale-point file) and --points (the folder to write) go together")
    surface = read_fit(fits[0])
    found = plan_next_runs(
        surface, runs, budget, target, most_per_run=most_per_run, unique_tokens=unique_tokens
    )
    console.print(next_table(found))
    print_warnings([f"{surface.name}: {warning}" for warning in found.warnings], console)
    if like is not None and points is not None:
        for file in write_points(_asked(found), like, points, expected=_expected(found, surface)):
            console.print(Text(f"wrote {file}"))
    if output is not None:
        write_result(found.to_json(), output)
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


def _shared(plans: Sequence[Plan]) -> list[str]:
    """Each warning once, after the names of the fits that it is of."""
    found = dict.fromkeys(warning for shown in plans for warning in shown.warnings)
    names = {warning: [shown.name for shown in plans if warning in shown.warnings] for warning in found}
    return [f"{', '.join(dict.fromkeys(names[warning]))}: {warning}" for warning in found]


def _asked(found: NextRuns) -> list[tuple[float, float, float | None]]:
    """N, E, and U where the run repeats it."""
    return [
        (run.n, run.tokens, run.unique_tokens if run.tokens > _REPEATS * run.unique_tokens else None)
        for run in found.runs
    ]


def _expected(found: NextRuns, surface: Surface) -> list[str]:
    return [
        f"a loss of about {text.number(run.loss)} nats per token at the N asked for, by {surface.name} "
        f"({surface.law.name}); it narrows {found.target}."
        for run in found.runs
    ]


def draw(surfaces: Sequence[Surface], flops: float, unique_tokens: float | None, figure: Path) -> None:
    """The figures of the laws that are surfaces of N and E. Raises FitError if there is none, or no file."""
    from quarry.analysis.report.figures.plan import planned_losses, regime_map

    drawn = [surface for surface in surfaces if plannable(surface.law)]
    if not drawn:
        raise FitError(
            f"no figure: {', '.join(surface.law.name for surface in surfaces)} is no surface of N and E"
        )
    try:
        figure.parent.mkdir(parents=True, exist_ok=True)
        _save(planned_losses(drawn, flops, unique_tokens), figure)
        for i, surface in enumerate(drawn, 1):
            _save(regime_map(surface, flops), figure.with_stem(f"{figure.stem}-regimes-{i}"))
    except (OSError, ValueError) as error:
        raise FitError(f"cannot write the figure {figure}: {error}") from None


def _save(chart: Any, path: Path) -> None:
    """Whole or not at all, in the format of the name's ending."""
    with replacing(path) as partial:
        chart.save(partial, format=path.suffix.removeprefix("."))
