"""The picture of the README, drawn from the committed results: python docs/picture.py"""

from pathlib import Path

import altair as alt
import polars as pl

from analysis import figures, fit, load_points
from analysis.curves import learning_curves
from analysis.frontier import compute_frontier
from analysis.theme import THEME

ROOT = Path(__file__).resolve().parents[1]
POINTS = ROOT / "experiments" / "results" / "quickstart" / "points.parquet"


def panel(chart: alt.LayerChart) -> alt.LayerChart:
    """The chart without a theme of its own, so that it can stand beside another."""
    chart = chart.copy(deep=False)
    chart.config = alt.Undefined
    return chart.properties(width=440, height=320)


def picture() -> alt.HConcatChart:
    """Learning curves against compute with their frontier, and L(N) at equal tokens with its band."""
    curves = learning_curves(pl.read_parquet(POINTS))
    law = fit(load_points(POINTS), "power-offset")
    panels = [panel(figures.compute_curves(curves, compute_frontier(curves))), panel(figures.fitted_law(law))]
    return alt.HConcatChart(hconcat=panels, config=alt.Config.from_dict(THEME), spacing=40)


if __name__ == "__main__":
    output = Path(__file__).with_name("quickstart.png")
    picture().save(output, ppi=160)
    print(output)
