"""The (Mis)Fitting checklist (Li et al. 2025, arXiv 2502.18969): to repeat or doubt a fit."""

from typing import TYPE_CHECKING

from analysis import text
from analysis.mathml import plain
from analysis.text import plural

if TYPE_CHECKING:
    from analysis.fit import Fit


def checklist(fit: "Fit") -> list[tuple[str, str]]:
    """(item, answer) pairs, in the order of the paper."""
    return [
        ("form", f"{fit.law.name}: {plain(fit.law.formula)} ({fit.law.source})"),
        ("free parameters", ", ".join(fit.law.parameter_names)),
        ("counts", _counts(fit)),
        (
            "points used",
            f"{plural(len(fit.points), 'point')} of {plural(fit.diagnostics['runs'], 'run')}, "
            f"from {fit.diagnostics['source']}",
        ),
        ("points dropped", "; ".join(f"{out.n}: {out.reason}" for out in fit.excluded) or "none"),
        ("range", _ranges(fit)),
        ("objective", _objective(fit)),
        ("starts", f"{fit.diagnostics['n_starts']}, a grid; batched Levenberg-Marquardt in float64"),
        ("starts that agree", f"{fit.diagnostics['n_starts_agreeing']} reached the best objective"),
        ("interval", _interval(fit)),
        ("held-out extrapolation error", _held_out(fit)),
    ]


def _counts(fit: "Fit") -> str:
    meaning = {"N": f"N = {fit.diagnostics['count']}", "E": "E = tokens processed", "U": "U = unique tokens"}
    meaning["C"] = "C = FLOPs, 6NE unless the file gives its own"
    return "; ".join(meaning[name] for name in fit.law.inputs)


def _ranges(fit: "Fit") -> str:
    forms = dict.fromkeys(fit.law.inputs, text.count) | {"loss": text.number}
    return "; ".join(
        f"{name} {form(float(fit.points[name].to_numpy().min()))} "
        f"to {form(float(fit.points[name].to_numpy().max()))}"
        for name, form in forms.items()
    )


def _objective(fit: "Fit") -> str:
    delta = fit.diagnostics["huber_delta"]
    return f"sum of Huber terms of log loss, delta {delta:g}: {fit.objective:.6g}"


def _interval(fit: "Fit") -> str:
    if fit.diagnostics["interval_widening"] is None:
        return "none"
    return (
        f"{fit.level:.0%} percentile bootstrap, {fit.diagnostics['bootstrap']} resamples of runs, "
        f"seed {fit.diagnostics['seed']}, widened by {fit.diagnostics['interval_widening']:.3f} "
        "for the number of runs (Hesterberg 2015)"
    )


def _held_out(fit: "Fit") -> str:
    error, points = fit.diagnostics["held_out_error"], fit.diagnostics["held_out_points"]
    if error is None:
        return "not measured: too few points are left without the largest runs"
    left_out = plural(points, "point")
    return f"{error:.2%} mean absolute error on {left_out} of the largest runs, fitted without them"
