"""`quarry plan`: from fits and a budget to the runs to make."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console
from rich.text import Text
from tyro.conf import UseAppendAction

from quarry import text
from quarry.analysis.commands.options import ReadingOptions
from quarry.analysis.commands.plan_tables import (
    help_table,
    interval_table,
    mixture_lines,
    next_table,
    parts_lines,
    plan_table,
)
from quarry.analysis.commands.printing import print_warnings, write_result
from quarry.analysis.fitting.settings import FitSettings
from quarry.analysis.planning.budget import Plan, plan
from quarry.analysis.planning.next_runs import NextRuns, plan_next_runs
from quarry.analysis.planning.saved_fit import read_fit
from quarry.analysis.planning.surface import Surface, plannable, published_surface
from quarry.analysis.points.schema import ONE_PASS
from quarry.console import make_console
from quarry.errors import DONE, FitError
from quarry.options import Flat
from quarry.train.record.files import atomic_write

PUBLISHED_PLANS = ("besiroglu", "hoffmann", "muennighoff", "kaplan-ns")
"""The published fits that plan where no fit of one's own is given."""

WritePoints = Callable[..., list[Path]]
"""`quarry.train.launch.scaffold.write_points`: experiment files for points (N, E, U) after a study's file,
in a folder."""


@dataclass(frozen=True)
class PlanOptions:
    """The budget of one run, or what the next runs are for."""

    flops: float | None = None
    """The budget of one run, in FLOPs."""
    unique_tokens: float | None = None
    """The unique tokens there are; default as many as are read."""
    batch_tokens: float | None = None
    """Tokens per batch; default the critical batch of Kaplan et al. 2020."""
    fit: UseAppendAction[tuple[Path, ...]] = ()
    """A fit that `quarry fit --json` wrote, or points (a table, a directory of runs), to which the laws that
    apply are fitted together; more than one may be given. Default: published fits."""
    next: int | None = None
    """Choose this many further scale points."""
    budget: float | None = None
    """What they may cost together, in FLOPs."""
    target: str | None = None
    """The estimate that they narrow: "loss@1e21", a parameter of the law, or a derived quantity."""
    most_per_run: float | None = None
    """The most that one of them may cost, in FLOPs."""
    like: Path | None = None
    """A scale-point file that is the pattern for files of the next points."""
    points: Path | None = None
    """The folder for these files."""
    json: Path | None = None
    """Also write the result to this file, as JSON."""
    figure: Path | None = None
    """Also draw the result into this file."""


def make_command(write_points: WritePoints) -> Callable[..., int]:
    """The command, which writes the files of next points by `write_points`."""

    def command(options: Annotated[PlanOptions, Flat] = PlanOptions()) -> int:
        """What to train: with --flops the best N, E, k by each law; with --next the most informative runs."""
        if options.next is None:
            plan_budget(options, make_console())
        else:
            choose_runs(options, write_points, make_console())
        return DONE

    return command


def plan_budget(options: PlanOptions, console: Console) -> list[Plan]:
    """Print what to train for `options.flops` by each fit, or by published fits if none is given.

    `options.json` gets the plans as JSON; `options.figure` (.html, .png, .svg, .pdf or .json) the losses
    against N, and beside it a map of the regime for each law. Raises FitError, LawError, RecordError.
    """
    flops, unique_tokens = options.flops, options.unique_tokens
    if flops is None:
        raise FitError("name the budget with --flops, or the number of runs to make next with --next")
    surfaces = _surfaces(options.fit)
    plans = [plan(surface, flops, unique_tokens, options.batch_tokens) for surface in surfaces]
    if not options.fit:
        console.print(Text("no --fit given: published fits, whose data, tokens and counts are not yours"))
        for surface in surfaces:
            console.print(Text(f"  {surface.name}: {surface.source}"))
    console.print(plan_table(plans), *mixture_lines(surfaces), sep="\n")
    if any(surface.draws for surface in surfaces):
        console.print(interval_table(plans), *parts_lines(plans), sep="\n")
    console.print(help_table(plans))
    print_warnings(_shared_warnings(plans), console)
    if options.json is not None:
        write_result({"plans": [each.to_json() for each in plans]}, options.json)
    if options.figure is not None:
        draw(surfaces, flops, unique_tokens, options.figure)
    return plans


def choose_runs(options: PlanOptions, write_points: WritePoints, console: Console) -> NextRuns:
    """Print the `options.next` runs that narrow the target the most for the budget, by the one fit given.

    With `options.points`, a folder, they are written there by `write_points` as experiment files after the
    study of the file `options.like`. Raises FitError, LawError, RecordError and what `write_points` raises.
    """
    if len(options.fit) != 1:
        raise FitError(f"--next needs one fit, by --fit; there are {len(options.fit)}")
    if options.next is None or options.budget is None or options.target is None:
        raise FitError(
            "--next needs --budget (FLOPs for all the runs) and --target, such as loss@1e21 or alpha"
        )
    if (options.like is None) != (options.points is None):
        raise FitError("--like (a scale-point file) and --points (the folder to write) go together")
    surface = _surface(options.fit[0])
    limits = {"most_per_run": options.most_per_run, "unique_tokens": options.unique_tokens}
    result = plan_next_runs(surface, options.next, options.budget, options.target, **limits)
    console.print(next_table(result))
    print_warnings([f"{surface.name}: {warning}" for warning in result.warnings], console)
    if options.like is not None and options.points is not None:
        expected = _expected(result, surface)
        for file in write_points(_sizes(result), options.like, options.points, expected=expected):
            console.print(Text(f"wrote {file}"))
    if options.json is not None:
        write_result(result.to_json(), options.json)
    return result


def _surfaces(fits: Sequence[Path]) -> list[Surface]:
    """The fits by the names of their files, with the folder where two share one."""
    if not fits:
        return [published_surface(name) for name in PUBLISHED_PLANS]
    surfaces = [_surface(path) for path in fits]
    names = [surface.name for surface in surfaces]
    return [
        replace(surface, name=str(path)) if names.count(surface.name) > 1 else surface
        for surface, path in zip(surfaces, fits, strict=True)
    ]


def _surface(path: Path) -> Surface:
    """A saved fit, or the laws that apply to a table or a directory of runs, fitted to it together."""
    if path.suffix == ".json" or not path.exists():
        return read_fit(path)
    from quarry.analysis.commands.reading import read_points
    from quarry.analysis.fitting.together.together import estimate_together

    fitted = estimate_together(read_points(path, ReadingOptions()), FitSettings())
    return replace(Surface.of(fitted), name=path.stem)


def _shared_warnings(plans: Sequence[Plan]) -> list[str]:
    """Each warning once, after the names of the fits that it belongs to."""
    names: dict[str, list[str]] = {}
    for each in plans:
        for warning in each.warnings:
            names.setdefault(warning, []).append(each.name)
    return [f"{', '.join(dict.fromkeys(fits))}: {warning}" for warning, fits in names.items()]


def _sizes(result: NextRuns) -> list[tuple[float, float, float | None]]:
    """N, E, and U where the run repeats it."""
    return [
        (run.n, run.tokens, run.unique_tokens if run.tokens > ONE_PASS * run.unique_tokens else None)
        for run in result.runs
    ]


def _expected(result: NextRuns, surface: Surface) -> list[str]:
    return [
        f"a loss of about {text.number(run.loss)} nats per token at the requested N, by {surface.name} "
        f"({surface.law.name}); it narrows {result.target}."
        for run in result.runs
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
    with atomic_write(path) as partial:
        chart.save(partial, format=path.suffix.removeprefix("."))
