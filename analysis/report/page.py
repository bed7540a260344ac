"""The report of a study: one HTML page with its figures, fits and tables, which fetches nothing."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import polars as pl
from altair.utils.schemapi import debug_mode
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from quarry import text
from quarry.analysis.allocation.methods import PARAMETRIC, allocate, parametric_allocation
from quarry.analysis.instruments.context_law import fit_context
from quarry.analysis.points.frontier import budget_frontier
from quarry.analysis.points.schema import ONE_PASS
from quarry.analysis.report.comparison import best_law, law_rows, leading_law, why_not_best
from quarry.analysis.report.download import saved_columns
from quarry.analysis.report.figures.fits import parity
from quarry.analysis.report.instrument_charts import instrument_charts
from quarry.analysis.report.library import charts_library
from quarry.analysis.report.notation import symbol, unit, with_papers, with_symbols
from quarry.analysis.report.optimum import Way, find_optimum
from quarry.analysis.report.provenance import page_commands
from quarry.analysis.report.run_cells import cell, headings
from quarry.analysis.report.sections import (
    LAWS,
    LAWS_OF_REPEATS,
    law_section,
    repeats_section,
)
from quarry.analysis.report.source import Source, read_source
from quarry.analysis.report.study_charts import page_figures, study_charts
from quarry.analysis.report.summary import summarise
from quarry.errors import FitError
from quarry.train.record.files import atomic_write, json_values

if TYPE_CHECKING:
    from quarry.analysis.fitting.result import Fit


def write_report(source: Path, output: Path, *, bootstrap: int = 1000, seed: int = 0) -> Path:
    """Write the report of every run at or below `source` to `output`, one self-contained HTML file.

    `source` may also be a table of points, as `quarry fit` takes it. `bootstrap` refits of each law give its
    intervals. The file appears whole or not at all. Raises RecordError if there is no run to report,
    PointsError if the table cannot be read, and FitError if `output` cannot be written.
    """
    with _replacing(output) as file, debug_mode(False):  # altair would compare every row with its schema
        file.write(_page(read_source(source), output, bootstrap, seed))
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


def _page(source: Source, output: Path, bootstrap: int, seed: int) -> str:
    frontier = budget_frontier(source.curves)
    repeated = bool((source.runs["k"] > ONE_PASS).any())
    laws = LAWS + (LAWS_OF_REPEATS if repeated else ())
    repeats = repeats_section(source, bootstrap, seed) if repeated else None
    found = [law_section(source, name, bootstrap, seed) for name in laws]
    sections = sorted(found, key=lambda section: section.fit is None)
    fits = [section.fit for section in sections if section.fit]
    law = next((each for each in fits if each.law.name in PARAMETRIC), None)
    optimum = find_optimum(source, law, _ways(source, law, bootstrap, seed))
    charts = study_charts(source.curves, frontier, source.runs, source.training)
    instruments = _instruments(source)
    charts |= instruments
    for part in (*sections, *(each for each in (repeats, optimum) if each)):
        charts |= part.charts
    shown = best_law(fits) or leading_law(fits) or law
    charts |= {"parity": parity(shown)} if shown else {}
    figures, data = page_figures(charts)
    runs = json_values(source.runs.to_dicts())
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=source.title,
            source=source,
            runs=runs,
            points=json_values(saved_columns(source)),
            data=data,
            summary=[
                *summarise(source.runs, source.curves, fits, source.says_annealed),
                *(optimum.sentences if optimum else ()),
            ],
            mid_schedule=not frontier["annealed"].all(),
            sections=sections,
            columns=headings(runs),
            sorted_by=json_values(_with_values(source.runs).to_dicts()),
            law_rows=law_rows(fits),
            why_not_best=why_not_best(fits),
            optimum=optimum,
            repeats=repeats,
            instruments=list(instruments),
            charts=figures,
            commands=page_commands(source.path, output, LAWS, bootstrap, seed),
            scripts=[
                Markup(charts_library()),
                _asset("report.js"),
                _asset("explorer.js"),
                _asset("table.js"),
            ],
        )
    )


def _with_values(table: pl.DataFrame) -> pl.DataFrame:
    """The columns of which some row has a value."""
    return table.select(name for name in table.columns if table[name].null_count() < table.height)


def _ways(source: Source, law: "Fit | None", bootstrap: int, seed: int) -> dict[str, Way]:
    """The approaches 2, 1 and 3 of Hoffmann et al. 2022 (arXiv 2203.15556) to N_opt(C)."""
    by = partial(allocate, bootstrap=bootstrap, seed=seed)
    ways: dict[str, Way] = {
        "isoflop": lambda flops: by(source.ended, flops, method="isoflop"),
        "envelope": lambda flops: by(source.every, flops, method="envelope"),
    }
    if law is not None:
        ways["parametric"] = partial(parametric_allocation, law)
    return ways


def _instruments(source: Source) -> dict[str, Any]:
    if source.training is None or source.record is None:
        return {}
    return instrument_charts(source.path, source.record, partial(fit_context, bootstrap=0))


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
        "percent": text.percent,
        "papers": with_papers,
        "symbol": symbol,
        "symbols": with_symbols,
        "unit": unit,
    }
    environment.globals |= {"styles": _asset("report.css"), "cell": cell}
    return environment


def _asset(name: str) -> Markup:
    return Markup((Path(__file__).parent / "templates" / name).read_text(encoding="utf-8"))


def _integrity(script: str) -> str:
    """The Content-Security-Policy source that allows this script and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
