"""Charts into files."""

from collections.abc import Mapping
from pathlib import Path

import altair as alt

from quarry.errors import RecordError
from quarry.train.record.files import atomic_write


def save_charts(
    charts: Mapping[str, alt.LayerChart | alt.HConcatChart | alt.VConcatChart], folder: Path
) -> None:
    """Each chart as `<folder>/<name>.svg`, whole or not at all. Raises RecordError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, chart in charts.items():
            with atomic_write(folder / f"{name}.svg") as partial:
                chart.save(partial, format="svg")
    except OSError as error:
        raise RecordError(f"cannot write figures to {folder}: {error.strerror}") from None
