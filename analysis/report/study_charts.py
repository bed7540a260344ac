"""The charts of all runs together: learning curves, compute frontier, training, bits per byte."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from quarry.analysis.report.figures import runs as run_figures
from quarry.analysis.report.figures.parts import lines_said
from quarry.analysis.report.figures.training import learning_rates, thinned, training_loss, with_size

MOST_ROWS = 4000
"""Evaluations drawn of all runs together."""


def study_charts(
    curves: pl.DataFrame, frontier: pl.DataFrame, runs: pl.DataFrame, training: pl.DataFrame | None = None
) -> dict[str, alt.LayerChart]:
    charts: dict[str, alt.LayerChart] = {}
    curves = thinned(curves, "E", MOST_ROWS)
    if not curves.is_empty():
        charts["learning-curves"] = run_figures.learning_curves(curves)
        charts["frontier"] = run_figures.compute_curves(curves, frontier)
    if training is not None and not (steps := with_size(training, runs)).is_empty():
        some = lines_said(training)
        charts["training-loss"] = training_loss(steps, some)
        charts["learning-rates"] = learning_rates(steps, some)
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


def page_figures(charts: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The figures of the page by id, and the data that they share by name."""
    data: dict[str, Any] = {}
    return {name: _page_figure(chart, data) for name, chart in charts.items()}, data


def _page_figure(chart: Any, data: dict[str, Any]) -> dict[str, Any]:
    """The chart as wide as its column on the page's background; its title apart, since HTML can wrap it.

    Its data go to `data`, and the figure names them.
    """
    spec = chart.properties(width="container").to_dict(validate=False)
    caption, own = spec.pop("title"), spec.pop("datasets", {})
    data |= own
    return {
        "title": caption["text"],
        "subtitle": caption["subtitle"],
        "spec": spec | {"background": "transparent", "datasets": list(own)},
    }
