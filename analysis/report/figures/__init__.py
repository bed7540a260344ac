"""The figures: each function takes a plain table or a result and returns an Altair chart.

`chart.save("x.png")` draws one without a browser.
"""

from quarry.analysis.report.figures.allocation import compute_optimal, envelope_curves, isoflop_curves
from quarry.analysis.report.figures.crossing import crossing_curves, crossing_histogram
from quarry.analysis.report.figures.diagnostics import (
    draw_scatter,
    law_comparison,
    profile_curve,
    start_agreement,
)
from quarry.analysis.report.figures.fits import fitted, fitted_law, fitted_surface, parity, residuals
from quarry.analysis.report.figures.rivals import held_out_predictions
from quarry.analysis.report.figures.runs import bits_per_byte, compute_curves, learning_curves

__all__ = [
    "bits_per_byte",
    "compute_curves",
    "compute_optimal",
    "crossing_curves",
    "crossing_histogram",
    "draw_scatter",
    "envelope_curves",
    "fitted",
    "fitted_law",
    "fitted_surface",
    "held_out_predictions",
    "isoflop_curves",
    "law_comparison",
    "learning_curves",
    "parity",
    "profile_curve",
    "residuals",
    "start_agreement",
]
