"""The charts of all runs together: learning curves, compute frontier, bits per byte."""

from typing import Any

import altair as alt
import polars as pl

from quarry.analysis.report.figures import runs as run_figures


def study_charts(
    curves: pl.DataFrame, frontier: pl.DataFrame, runs: pl.DataFrame
) -> dict[str, alt.LayerChart]:
    charts: dict[str, alt.LayerChart] = {}
    if not curves.is_empty():
        charts["learning-curves"] = run_figures.learning_curves(curves)
        charts["frontier"] = run_figures.compute_curves(curves, frontier)
    scores = runs.drop_nulls(["N", "bits_per_byte"])
    if not scores.is_empty():
        charts["bits-per-byte"] = run_figures.bits_per_byte(scores, _baselines(scores))
    return charts


def _baselines(scores: pl.DataFrame) -> dict[str, float]:
    """Bits per byte of the compressors; one value for each test text."""
    named = {"gzip": "gzip -9", "xz": "xz -9"}
    values = {name: scores[name].drop_nulls().unique(maintain_order=True).to_list() for name in named}
    return {
        named[name] + (f" (text {i})" if len(values[name]) > 1 else ""): value
        for name in named
        for i, value in enumerate(values[name], 1)
    }


def page_figure(chart: alt.LayerChart) -> dict[str, Any]:
    """The chart as wide as its column on the page's background; its title apart, since HTML can wrap it."""
    spec = chart.properties(width="container").to_dict()
    caption = spec.pop("title")
    return {
        "title": caption["text"],
        "subtitle": caption["subtitle"],
        "spec": spec | {"background": "transparent"},
    }
