"""The report of a study: one HTML page with its figures, fits and tables, which fetches nothing."""

import base64
import hashlib
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import altair as alt
import polars as pl
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from quarry import text
from quarry.analysis.epochs.cells import CELL, annealed_rows
from quarry.analysis.epochs.noise import measured_noise
from quarry.analysis.epochs.study import Epochs, study_epochs
from quarry.analysis.fitting.estimation import Fit, fit
from quarry.analysis.laws import formulas as mathml
from quarry.analysis.laws.catalog import find_law
from quarry.analysis.points.curves import learning_curves
from quarry.analysis.points.frontier import compute_frontier
from quarry.analysis.points.runs import run_table
from quarry.analysis.points.table import load_points
from quarry.analysis.report import figures
from quarry.analysis.report.figures.epochs import epochs_charts
from quarry.analysis.report.summary import summary
from quarry.errors import FitError, LawError, PointsError
from quarry.text import interval
from quarry.train.record.files import replacing
from quarry.train.record.points_table import find_runs, named, points_table

LAWS = ("kaplan-n", "power-offset", "chinchilla")
"""The laws every report fits."""

LAWS_OF_REPEATS = ("data-constrained", "overfit-epochs")
"""And these where some runs repeat their data."""

PARTS = ("altair", "jax", "numpy", "polars", "vl-convert-python")


@dataclass(frozen=True)
class Repeats:
    """What runs that repeat their data say of epochs, or the sentence that says why nothing."""

    found: Epochs | None = None
    error: str = ""
    charts: Mapping[str, alt.LayerChart] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """One law in the page: its fit with charts by id, or the sentence that says why there is none."""

    name: str
    formula: Markup
    source: str
    fit: Fit | None = None
    error: str = ""
    charts: Mapping[str, alt.LayerChart] = field(default_factory=dict)


def write_report(runs: Path, output: Path, *, bootstrap: int = 1000, seed: int = 0) -> Path:
    """Write the report of every run at or below `runs` to `output`, one self-contained HTML file.

    `bootstrap` refits of each law give its intervals. The file appears whole or not at all. Raises
    RecordError if there is no run to report and FitError if `output` cannot be written.
    """
    with _replacing(output) as file:
        file.write(_page(runs, output, bootstrap, seed))
    return output


@contextmanager
def _replacing(output: Path) -> Iterator[IO[str]]:
    """A new file that takes the place of `output` once the block ends well."""
    try:
        with replacing(output) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
            yield file
    except OSError as error:
        raise FitError(f"cannot write the report to {output}: {error.strerror}") from None


def _page(runs: Path, output: Path, bootstrap: int, seed: int) -> str:
    table, points = run_table(runs), points_table(runs)
    curves = learning_curves(points)
    frontier = compute_frontier(curves)
    repeated = bool((table["k"] > 1.01).any())
    laws = LAWS + (LAWS_OF_REPEATS if repeated else ())
    repeats = _repeats(runs, bootstrap, seed) if repeated else None
    sections = [_section(runs, name, bootstrap, seed) for name in laws]
    fits = [section.fit for section in sections if section.fit]
    charts = _study_charts(curves, frontier, table)
    for section in (*sections, *([repeats] if repeats else [])):
        charts |= section.charts
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=_title(table),
            runs=table.to_dicts(),
            summary=summary(table, frontier, fits),
            sections=sections,
            repeats=repeats,
            charts={name: _figure(chart) for name, chart in charts.items()},
            made=_provenance(runs),
            commands=_commands(runs, output, bootstrap, seed),
            scripts=[_library(), _asset("report.js")],
        )
    )


def _section(runs: Path, name: str, bootstrap: int, seed: int) -> Section:
    law = find_law(name)
    about = {"name": name, "formula": Markup(mathml.mathml(law.formula)), "source": law.source}
    try:
        fitted = fit(load_points(runs), name, bootstrap=bootstrap, seed=seed)
    except (FitError, LawError, PointsError) as error:
        return Section(**about, error=str(error))
    return Section(**about, fit=fitted, charts=_law_charts(name, fitted))


def _repeats(runs: Path, bootstrap: int, seed: int) -> Repeats:
    """The study of epochs, without intervals where no run was repeated with another seed or draw."""
    try:
        points = load_points(runs, annealed_only=False)
        noisy = measured_noise(annealed_rows(points.table), CELL).freedom > 0
        found = study_epochs(points, bootstrap=bootstrap if noisy else 0, seed=seed)
    except (FitError, PointsError) as error:
        return Repeats(error=str(error))
    return Repeats(found, charts={f"epochs-{name}": chart for name, chart in epochs_charts(found).items()})


def _law_charts(name: str, fitted: Fit) -> dict[str, alt.LayerChart]:
    return {name: figures.fitted(fitted), f"{name}-residuals": figures.residuals(fitted)}


def _study_charts(
    curves: pl.DataFrame, frontier: pl.DataFrame, runs: pl.DataFrame
) -> dict[str, alt.LayerChart]:
    charts: dict[str, alt.LayerChart] = {}
    if not curves.is_empty():
        charts["learning-curves"] = figures.learning_curves(curves)
        charts["frontier"] = figures.compute_curves(curves, frontier)
    scores = runs.drop_nulls(["N", "bits_per_byte"])
    if not scores.is_empty():
        charts["bits-per-byte"] = figures.bits_per_byte(scores, _baselines(scores))
    return charts


def _baselines(scores: pl.DataFrame) -> dict[str, float]:
    """The compressors' bits per byte; runs on different texts give a line each."""
    named = {"gzip": "gzip -9", "xz": "xz -9"}
    values = {name: scores[name].drop_nulls().unique(maintain_order=True).to_list() for name in named}
    return {
        named[name] + (f" (text {i})" if len(values[name]) > 1 else ""): value
        for name in named
        for i, value in enumerate(values[name], 1)
    }


def _figure(chart: alt.LayerChart) -> dict[str, Any]:
    """The chart as wide as its column, on the page's own background; its title in HTML, where it can wrap."""
    spec = chart.properties(width="container").to_dict()
    caption = spec.pop("title")
    return {
        "title": caption["text"],
        "subtitle": caption["subtitle"],
        "spec": spec | {"background": "transparent"},
    }


def _title(runs: pl.DataFrame) -> str:
    studies = runs["run"].str.split("/").list.first().unique(maintain_order=True)
    return ", ".join(studies[:3]) + (" and others" if len(studies) > 3 else "")


def _provenance(runs: Path) -> dict[str, dict[str, str]]:
    """What made the runs and this page: by heading, names and values; runs that differ list every value."""
    records = [directory.read_run() for directory in find_runs(runs)]
    return {
        "Devices": _distinct([{"device": record.get("device")} for record in records]),
        "Versions that trained": _distinct([record.get("versions") for record in records]),
        "Data": _distinct([record.get("data") for record in records]),
        "Test text": _distinct([record.get("test_text") for record in records]),
        "Versions that made this page": {part: metadata.version(part) for part in PARTS},
    }


def _distinct(records: list[Any]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for record in records:
        for name, value in _leaves(record):
            seen = values.setdefault(name, [])
            seen += [value] if value not in seen else []
    return {name: "; ".join(seen) for name, seen in values.items()}


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """The scalars inside nested objects and lists, each with its dotted path."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from _leaves(child, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        yield name, ", ".join(leaf for child in value for _, leaf in _leaves(child))
    elif value is not None:
        yield name, str(value)


def _commands(runs: Path, output: Path, bootstrap: int, seed: int) -> list[str]:
    """What trained the runs, as they recorded it, and what makes their points, fits and this page."""
    trained = [directory.read_run().get("command") for directory in find_runs(runs)]
    where = shlex.quote(named(runs))
    fits = [f"quarry fit {where} --law {law} --bootstrap {bootstrap} --seed {seed}" for law in LAWS]
    page = f"quarry report {where} -o {shlex.quote(str(output))}"
    return [*dict.fromkeys(filter(None, trained)), f"quarry points {where} -o points.csv", *fits, page]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("analysis"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": text.count,
        "power": text.power,
        "number": text.number,
        "duration": text.duration,
        "interval": interval,
        "integrity": _integrity,
    }
    environment.globals["styles"] = _asset("report.css")
    return environment


def _library() -> Markup:
    """Vega-Embed with Vega-Lite and Vega, of the versions that Altair writes charts for, in one script."""
    version = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    return Markup(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", version))


def _asset(name: str) -> Markup:
    return Markup((Path(__file__).parent / "templates" / name).read_text(encoding="utf-8"))


def _integrity(script: str) -> str:
    """The Content-Security-Policy source that allows this script and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
