"""The look of all figures: ink, colours, fonts and axis ticks."""

import math
from typing import Any

INK = "currentColor"
RAMP = ["#2b83ba", "#5f72d6", "#8d60d2", "#bd4fb0", "#d9517a", "#dd6a2e", "#c28400"]
"""From small to large, blue to amber: each at least 3:1 against white and against the page's dark ground."""

SERIES = ["#c2408c", "#3f7fd0", "#c2670a", "#2f8f5b", "#8d60d2", "#1a8c96", "#9a7b1c", "#808080"]
"""Colours of series without an order, of the same contrast."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
THEME: dict[str, Any] = {
    "background": "white",
    "font": FONT,
    "padding": 4,
    "range": {"category": SERIES, "ordinal": {"scheme": RAMP}, "ramp": {"scheme": RAMP}},
    "circle": {"opacity": 1},  # 0.7 by default, with which colours have less contrast than they should
    "point": {"opacity": 1},
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


def ramp(steps: int) -> list[str]:
    """The colours of so many steps along RAMP."""
    places = [i * (len(RAMP) - 1) / max(1, steps - 1) for i in range(steps)]
    return [_between(RAMP[int(place)], RAMP[math.ceil(place)], place % 1) for place in places]


def _between(first: str, last: str, share: float) -> str:
    pairs = [(int(first[i : i + 2], 16), int(last[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(low + share * (high - low)):02x}" for low, high in pairs)


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
