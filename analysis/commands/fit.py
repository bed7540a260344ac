"""`quarry fit`: a law fitted to points, printed with its checklist."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from tyro.conf import UseAppendAction

from quarry.analysis.commands.options import (
    BootstrapOptions,
    LossColumn,
    MidSchedule,
    OutputOptions,
    PointsPath,
    ReadingOptions,
    Repeated,
)
from quarry.analysis.commands.printing import assigned
from quarry.analysis.fitting.objective import Residuals
from quarry.analysis.fitting.settings import FitSettings, IntervalKind, Resampling
from quarry.analysis.laws.catalog import LAWS, find_law
from quarry.analysis.laws.mixture import MIXTURE
from quarry.analysis.laws.power_laws import UNITS
from quarry.analysis.laws.repeated_data import EPOCH_TERMS
from quarry.console import make_console
from quarry.errors import DONE, FitError
from quarry.options import Flat, choice

if TYPE_CHECKING:
    from quarry.analysis.fitting.comparison.ranking import Comparison
    from quarry.analysis.fitting.profiles.likelihood import Profile
    from quarry.analysis.fitting.result import Fit


@dataclass(frozen=True)
class FitOptions:
    """How a law is fitted, and what is reported beside the fit."""

    law: Annotated[str, choice((*LAWS, MIXTURE), suggested=True)]
    """The law to fit, or auto: those that apply, as one."""
    x: Annotated[str, choice(UNITS)] = "N"
    """The variable of power-offset and broken-power."""
    terms: tuple[Annotated[str, choice(EPOCH_TERMS, metavar="TERM")], ...] | None = None
    """The terms of epochs beside Chinchilla's: coupling, reuse, overfit; default coupling and reuse."""
    freeze: Repeated = ()
    """A parameter held at a value, such as "A=521"."""
    critical: Repeated = ()
    """The critical batch, "B_star=2e8" and "alpha_B=0.21": for kaplan-ns, by default Kaplan's; for a law of
    C, to read C_min, the compute at a batch far below it."""
    loss: LossColumn = "loss"
    mid_schedule: MidSchedule = False
    hold_out: Repeated = ()
    """Conditions on points to leave out of the fit and to predict with it."""
    at: Repeated = ()
    """Also report the objective at this parameter value, such as "R_D=15.39", and downhill from there."""
    profile: Repeated = ()
    """Also report the profile likelihood of this parameter or derived quantity."""
    against: UseAppendAction[tuple[Annotated[str, choice(LAWS, suggested=True, metavar="LAW")], ...]] = ()
    """Also compare with this law, by the errors of predicting points that neither law was fitted to."""
    objective: Residuals = "huber"
    """Huber loss of log residuals, squares of log residuals, or squares of the residuals of the loss."""
    huber_delta: float | None = None
    """Where the Huber loss turns from squares to absolute values; default 1e-3, with --noise 1.345."""
    noise: str | None = None
    """The column with each loss's standard deviation."""
    above: float = 1.0
    """Relative penalty for losses above the curve (1 = symmetric); less where some runs are tuned badly."""
    resampling: Resampling = "run"
    """Resample runs, resample points, or draw seed noise."""
    interval: IntervalKind = "percentile"
    """Percentile interval (widened for few runs) or BCa."""
    reading: Annotated[ReadingOptions, Flat] = ReadingOptions()
    draws: Annotated[BootstrapOptions, Flat] = BootstrapOptions(1000)
    output: Annotated[OutputOptions, Flat] = OutputOptions()


def command(points: PointsPath, options: Annotated[FitOptions, Flat]) -> int:
    """Fit a law to a directory of runs or to any table with N, loss and one of D, E, C.

    `quarry plan` reads what --json writes.
    """
    fit_points(points, options, make_console())
    return DONE


def fit_points(path: Path, options: FitOptions, console: Console) -> "Fit":
    """Fit a law to the points at `path`, print it with its checklist, write it as JSON and draw it if asked.

    Raises PointsError, LawError, FitError, RecordError.
    """
    from quarry.analysis.commands import fit_tables as tables
    from quarry.analysis.commands.printing import print_warnings, write_result
    from quarry.analysis.commands.reading import read_points
    from quarry.analysis.fitting.comparison.ranking import compare_laws
    from quarry.analysis.fitting.estimation import estimate
    from quarry.analysis.fitting.profiles.likelihood import profile
    from quarry.analysis.fitting.together.together import estimate_together

    together = options.law == MIXTURE
    if together:
        _check_together(options)
    law = None if together else find_law(options.law, options.x, options.terms)
    for name in options.against:
        find_law(name)  # a wrong name is refused before the fit
    reading, settings = options.reading, _settings(options)
    points = read_points(path, reading, loss=options.loss, mid_schedule=options.mid_schedule, law=law)
    points, held_out = points.hold_out(options.hold_out)
    fitted = estimate_together(points, settings) if law is None else estimate(points, law, settings)
    console.print(tables.parameter_table(fitted), tables.checklist_table(fitted))
    if law is None:
        console.print(tables.together_table(fitted))
    if not held_out.is_empty():
        console.print(tables.prediction_table(fitted, held_out))
    if options.at:
        console.print(tables.at_table(fitted, fitted.at(assigned(options.at))))
    profiles = [profile(fitted, name, level=fitted.level) for name in options.profile]
    if profiles:
        console.print(tables.profile_table(fitted, profiles))
    comparison = None
    if law is not None and options.against:
        laws = (law.frozen(settings.freeze), *options.against)
        comparison = compare_laws(points, laws, settings)
        console.print(tables.comparison_table(comparison))
    sources = [fitted, *profiles, *([comparison] if comparison else [])]
    warnings = dict.fromkeys(warning for source in sources for warning in source.warnings)
    print_warnings(list(warnings), console)
    if options.output.json is not None:
        value = fitted.to_json() | {"profiles": [profile_json(each) for each in profiles]}
        write_result(value, options.output.json)
    if options.output.figures is not None:
        from quarry.analysis.commands.figures import save_charts

        save_charts(fit_charts(fitted, profiles, comparison), options.output.figures)
    return fitted


def _check_together(options: FitOptions) -> None:
    """Raise FitError for an option of one law."""
    given = {
        "--at": options.at,
        "--profile": options.profile,
        "--against": options.against,
        "--terms": options.terms or (),
        "--critical": options.critical,
        "--x": () if options.x == "N" else (options.x,),
    }
    for name, values in given.items():
        if values:
            raise FitError(
                f"{name} {' '.join(values)}: an option of one law, and law auto fits all that apply, each by "
                f"what varies; leave it out, or name a law such as --law chinchilla"
            )


def _settings(options: FitOptions) -> FitSettings:
    """The settings of the fit. Raises PointsError, FitError, LawError."""
    return FitSettings(
        freeze=assigned(options.freeze),
        critical=assigned(options.critical),
        objective=options.objective,
        huber_delta=options.huber_delta,
        noise=options.noise,
        above=options.above,
        resampling=options.resampling,
        interval=options.interval,
        **vars(options.draws),
    )


def profile_json(each: "Profile") -> dict:
    """A profile as strict JSON values."""
    return {
        "name": each.name,
        "level": each.level,
        "best": each.best,
        "threshold": each.threshold,
        "interval": list(each.interval),
        "regions": [list(region) for region in each.regions],
        "valleys": [list(valley) for valley in each.valleys],
        "value": each.values.tolist(),
        "objective": each.objective.tolist(),
    }


def fit_charts(fitted: "Fit", profiles: Sequence["Profile"], comparison: "Comparison | None" = None) -> dict:
    """The figures of a fit by name: law, residuals, starts, the comparison with other laws, profiles."""
    from quarry.analysis.report.figures import fits
    from quarry.analysis.report.figures.diagnostics import law_comparison, profile_curve, start_agreement

    charts = {
        "law": fits.fitted(fitted),
        "residuals": fits.residuals(fitted),
        "starts": start_agreement(fitted),
    }
    if comparison is not None and _measured(comparison):
        charts["comparison"] = law_comparison(comparison)
    return charts | {f"profile-{each.name}": profile_curve(each) for each in profiles}


def _measured(comparison: "Comparison") -> bool:
    """Whether any law's error of prediction is known."""
    errors = comparison.ranking.select("held_out_error", "left_out_error")
    return any(column.count() for column in errors)
