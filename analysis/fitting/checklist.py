"""The (Mis)Fitting checklist (Li et al. 2025, arXiv 2502.18969): to repeat or doubt a fit."""

import math
from typing import TYPE_CHECKING

from quarry import text
from quarry.analysis.fitting.doubts import marked
from quarry.analysis.laws.formulas import plain

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


def build_checklist(fit: "Fit") -> list[tuple[str, str]]:
    """(item, answer) pairs, in the order of the paper."""
    return [
        ("form", f"{fit.law.name}: {plain(fit.law.formula)} ({fit.law.source})"),
        ("free parameters", ", ".join(fit.data.law.parameter_names)),
        (
            "frozen",
            ", ".join(f"{name} = {value:g}" for name, value in fit.diagnostics.frozen.items()) or "none",
        ),
        ("counts", _counts(fit)),
        (
            "points used",
            f"{text.plural(len(fit.points), 'point')} of {text.plural(fit.diagnostics.runs, 'run')}, "
            f"from {fit.diagnostics.source}",
        ),
        ("points dropped", "; ".join(f"{out.n}: {out.reason}" for out in fit.excluded) or "none"),
        ("range", _ranges(fit)),
        ("objective", _objective(fit)),
        ("starts", f"{fit.diagnostics.n_starts}, a grid; batched Levenberg-Marquardt in float64"),
        ("starts that agree", f"{fit.diagnostics.n_starts_agreeing} reached the best objective"),
        ("other minima", _other_minima(fit)),
        ("condition number", f"{fit.diagnostics.condition_number:.3g}"),
        ("interval", _interval(fit)),
        ("held-out extrapolation error", _held_out(fit)),
        ("backtests", _backtests(fit)),
    ]


def _counts(fit: "Fit") -> str:
    meaning = {"N": f"N = {fit.diagnostics.count}", "E": "E = tokens processed", "U": "U = unique tokens"}
    meaning |= {"C": "C = FLOPs, 6NE unless the file gives its own", "M": "M = E / N", "T": "T = position"}
    meaning |= {
        "S_min": "S_min = S / (1 + B_crit / B), the steps a batch far above the critical one would need",
        "loss": "loss = nats per token",
    }
    if fit.diagnostics.settings.critical:
        meaning["C"] = "C = C_min = C / (1 + B / B_crit), the FLOPs at a batch far below the critical one"
    return "; ".join(meaning[name] for name in fit.law.inputs)


def _ranges(fit: "Fit") -> str:
    forms = dict.fromkeys((*fit.law.inputs, fit.law.response), text.count) | {"loss": text.number}
    several = {name: f" ({text.plural(found, 'value')})" for name, found in fit.diagnostics.distinct.items()}
    return "; ".join(
        f"{name} {form(float(fit.points[name].to_numpy().min()))} "
        f"to {form(float(fit.points[name].to_numpy().max()))}{several.get(name, '')}"
        for name, form in forms.items()
    )


def _objective(fit: "Fit") -> str:
    noise = fit.diagnostics.settings.noise
    unit = f", in units of the column {noise}" if noise else ""
    return f"{fit.diagnostics.objective}{unit}: {fit.objective:.9g}"


def _other_minima(fit: "Fit") -> str:
    """The local minima beside the best one, nearest first."""
    by_name = {parameter.name: parameter for parameter in fit.law.parameters}
    minima = [
        f"{minimum.excess:.2%} above the best at "
        + ", ".join(f"{name} {marked(by_name[name], value, 3)}" for name, value in minimum.params.items())
        for minimum in fit.diagnostics.other_minima
    ]
    return "; ".join(minima) or "none found"


def _interval(fit: "Fit") -> str:
    settings = fit.diagnostics.settings
    if fit.intervals is None:
        return "none"
    units = {"run": "resamples of runs", "point": "resamples of points", "noise": "draws of seed noise"}
    made = f"{settings.bootstrap} {units[settings.resampling]}, seed {settings.seed}"
    if settings.interval == "bca":
        return f"{fit.level:.0%} BCa bootstrap (Efron 1987), {made}"
    factor = fit.diagnostics.interval_widening
    widening = f"widened by {factor:.3f} for the number of runs (Hesterberg 2015)"
    return f"{fit.level:.0%} percentile bootstrap, {made}, {widening}"


def _held_out(fit: "Fit") -> str:
    error, points = fit.diagnostics.held_out_error, fit.diagnostics.held_out_points
    if error is None:
        return "not measured: too few points are left without the largest runs"
    left_out = text.plural(points, "point")
    return f"{error:.2%} mean absolute error on {left_out} of the largest runs, fitted without them"


def _backtests(fit: "Fit") -> str:
    """How the band did on points beyond cuts, and how far beyond."""
    outlook = fit.outlook
    if outlook is None:
        return "none: no interval"
    if outlook.tested == 0:
        return "none: too few points below any cut; the band beyond the points rests on published ladders"
    return (
        f"{outlook.inside} of {text.plural(outlook.tested, 'prediction')} beyond "
        f"{text.plural(outlook.cuts, 'cut')} inside, {fit.level * outlook.tested:.0f} expected; the furthest "
        f"by a factor of {math.exp(outlook.furthest):.3g}"
    )
