"""The report of a study: one HTML page with its figures, fits and tables, which fetches nothing."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

import altair as alt
import polars as pl
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from quarry import text
from quarry.analysis.instruments.context_law import fit_context
from quarry.analysis.points.curves import learning_curves
from quarry.analysis.points.frontier import compute_frontier
from quarry.analysis.points.runs import run_table
from quarry.analysis.points.schema import ONE_PASS
from quarry.analysis.report.instrument_charts import instrument_charts
from quarry.analysis.report.provenance import describe_provenance, page_commands
from quarry.analysis.report.sections import LAWS, LAWS_OF_REPEATS, law_section, repeats_section
from quarry.analysis.report.study_charts import page_figure, study_charts
from quarry.analysis.report.summary import summarise
from quarry.errors import FitError
from quarry.train.record.files import atomic_write
from quarry.train.record.points_table import points_table


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
        with atomic_write(output) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
            yield file
    except OSError as error:
        if error.filename and output.name not in str(error.filename):
            raise FitError(f"cannot read {error.filename}: {error.strerror}") from None
        raise FitError(f"cannot write the report to {output}: {error.strerror}") from None


def _page(runs: Path, output: Path, bootstrap: int, seed: int) -> str:
    table, points = run_table(runs), points_table(runs)
    curves = learning_curves(points)
    frontier = compute_frontier(curves)
    repeated = bool((table["k"] > ONE_PASS).any())
    laws = LAWS + (LAWS_OF_REPEATS if repeated else ())
    repeats = repeats_section(runs, bootstrap, seed) if repeated else None
    sections = [law_section(runs, name, bootstrap, seed) for name in laws]
    fits = [section.fit for section in sections if section.fit]
    charts = study_charts(curves, frontier, table)
    instruments = instrument_charts(runs, points, partial(fit_context, bootstrap=0))
    charts |= instruments
    for section in (*sections, *([repeats] if repeats else [])):
        charts |= section.charts
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=_title(table),
            runs=table.to_dicts(),
            summary=summarise(table, curves, fits),
            sections=sections,
            repeats=repeats,
            instruments=list(instruments),
            charts={name: page_figure(chart) for name, chart in charts.items()},
            made=describe_provenance(runs),
            commands=page_commands(runs, output, LAWS, bootstrap, seed),
            scripts=[_library(), _asset("report.js")],
        )
    )


def _title(runs: pl.DataFrame) -> str:
    studies = runs["run"].str.split("/").list.first().unique(maintain_order=True)
    return ", ".join(studies[:3]) + (" and others" if len(studies) > 3 else "")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("quarry.analysis.report"),
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
        "interval": text.interval,
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
