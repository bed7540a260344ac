"""The pictures of the README and of docs/epochs.md, from the committed results: python docs/picture.py"""

from pathlib import Path

import altair as alt
import polars as pl

from quarry import fit, load_points
from quarry.analysis.epochs.study import study_epochs
from quarry.analysis.points.curves import learning_curves
from quarry.analysis.points.frontier import compute_frontier
from quarry.analysis.report.figures import epochs
from quarry.analysis.report.figures.fits import fitted_law
from quarry.analysis.report.figures.runs import compute_curves
from quarry.analysis.report.figures.theme import THEME

ROOT = Path(__file__).resolve().parents[1]
POINTS = ROOT / "experiments" / "results" / "quickstart" / "points.parquet"
EPOCHS = ROOT / "experiments" / "results" / "epochs" / "points.parquet"


def panel(chart: alt.LayerChart) -> alt.LayerChart:
    """The chart without a theme of its own, so that it can stand beside another."""
    chart = chart.copy(deep=False)
    chart.config = alt.Undefined
    return chart.properties(width=440, height=320)


def quickstart() -> alt.HConcatChart:
    """Learning curves against compute with their frontier, and L(N) at equal tokens with its band."""
    curves = learning_curves(pl.read_parquet(POINTS))
    law = fit(load_points(POINTS), "power-offset")
    panels = [panel(compute_curves(curves, compute_frontier(curves))), panel(fitted_law(law))]
    return alt.HConcatChart(hconcat=panels, config=alt.Config.from_dict(THEME), spacing=40)


def passes() -> alt.VConcatChart:
    """Passes needed and what is extracted; learning curves above the floor, and the 2 x 2."""
    found = study_epochs(load_points(EPOCHS, annealed_only=False))
    shown = (
        (epochs.passes_map(found), epochs.efficiency(found, epochs.unique_with_floor(found)[-1])),
        (epochs.learning_curves(found), epochs.causes_chart(found)),
    )
    rows = [alt.HConcatChart(hconcat=[panel(chart) for chart in row], spacing=40) for row in shown]
    rows = [row.resolve_scale(color="independent", shape="independent") for row in rows]
    return alt.VConcatChart(vconcat=rows, config=alt.Config.from_dict(THEME), spacing=30)


if __name__ == "__main__":
    for name, chart in {"quickstart": quickstart(), "epochs": passes()}.items():
        output = Path(__file__).with_name(f"{name}.png")
        chart.save(output, ppi=160)
        print(output)
