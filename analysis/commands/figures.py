"""Charts into files."""

from collections.abc import Mapping
from pathlib import Path

import altair as alt
import vl_convert

from quarry.errors import RecordError
from quarry.train.record.files import atomic_write

_PIXELS = 2.0
"""Pixels of a PNG to a unit of the chart: sharp on slides and in print."""


def save_charts(
    charts: Mapping[str, alt.LayerChart | alt.HConcatChart | alt.VConcatChart], folder: Path
) -> None:
    """Each chart as `<name>.svg`, `.pdf` and `.png` in `folder`, whole or not at all. Raises RecordError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, chart in charts.items():
            _save(chart, folder, name)
    except OSError as error:
        raise RecordError(f"cannot write figures to {folder}: {error.strerror}") from None


def _save(chart: alt.LayerChart | alt.HConcatChart | alt.VConcatChart, folder: Path, name: str) -> None:
    """The chart is laid out once, as SVG; the others are drawn from that."""
    with atomic_write(folder / f"{name}.svg") as partial:
        chart.save(partial, format="svg")
    drawn = (folder / f"{name}.svg").read_text(encoding="utf-8")
    for ending, picture in (
        ("pdf", vl_convert.svg_to_pdf(drawn)),
        ("png", vl_convert.svg_to_png(drawn, _PIXELS)),
    ):
        with atomic_write(folder / f"{name}.{ending}") as partial:
            partial.write_bytes(picture)
