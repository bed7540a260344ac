"""The look of all figures: ink, colours, fonts and axis ticks."""

import math
from typing import Any

import altair as alt

INK = "currentColor"
RAMP = alt.SchemeParams(name="plasma", extent=[0.18, 0.8])
"""Small models dark, large ones bright; the ends are cut so that both show on white and on black."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
THEME: dict[str, Any] = {
    "background": "white",
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domainColor": INK,
        "domainOpacity": 0.35,
        "gridColor": INK,
        "gridOpacity": 0.1,
        "labelColor": INK,
        "labelFontSize": 12,
        "labelPadding": 6,
        "ticks": False,
        "titleColor": INK,
        "titleFontSize": 12.5,
        "titleFontWeight": 500,
        "titlePadding": 10,
    },
    "legend": {
        "columns": 6,
        "columnPadding": 12,
        "labelColor": INK,
        "labelFontSize": 12,
        "orient": "bottom",
        "symbolOpacity": 1,
        "symbolStrokeWidth": 3,
        "symbolType": "stroke",
        "titleColor": INK,
        "titleFontSize": 12,
        "titleFontWeight": 500,
        "titleLimit": 400,
    },
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 14,
        "fontWeight": 600,
        "frame": "group",
        "offset": 12,
        "subtitleColor": INK,
        "subtitleFontSize": 12,
    },
}


def log_ticks(low: float, high: float) -> list[float]:
    """Readable ticks for a log axis from `low` to `high`: powers of ten, thinned or filled in to be a few."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = max(1, math.ceil(len(decades) / 9))
    for factors in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        ticks = [factor * 10.0**exponent for exponent in decades[::every] for factor in factors]
        inside = [float(f"{tick:.6g}") for tick in ticks if low <= tick <= high]
        if len(inside) >= (5 if len(decades) < 4 else 4):
            return inside
    return _even_ticks(low, high)


def _even_ticks(low: float, high: float) -> list[float]:
    widest = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(widest))
    step = max(factor * unit for factor in (1, 2, 5) if factor * unit <= widest)
    return [float(f"{i * step:.6g}") for i in range(math.ceil(low / step), math.floor(high / step) + 1)]
