"""Tables with columns of any type and any name: points, or one sentence; in Parquet and as a data frame."""

import datetime
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry import fit
from quarry.analysis.epochs.cells import annealed_rows
from quarry.analysis.fitting.comparison.recipes import of_best_recipe
from quarry.analysis.points.loading import as_points, load_points
from quarry.analysis.points.units import ranges_of, unit_doubts
from quarry.errors import PointsError
from tests.analysis.fuzzing import QUIET, attempt
from tests.analysis.quick import QUICK

ROWS = 8
TYPES = {
    "categories": (["a", "b"], pl.Categorical),
    "enum": (["a", "b"], pl.Enum(["a", "b"])),
    "words of numbers": (["1e6", "2"], pl.Categorical),
    "lists": ([[1, 2], []], pl.List(pl.Int64)),
    "arrays": ([[1, 2], [3, 4]], pl.Array(pl.Int64, 2)),
    "structs": ([{"a": 1}, {"a": 2}], pl.Struct({"a": pl.Int64})),
    "bytes": ([b"x", b"\xff"], pl.Binary),
    "dates": ([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)], pl.Date),
    "times": ([datetime.datetime(2026, 1, 1), None], pl.Datetime),
    "spans": ([datetime.timedelta(1), None], pl.Duration),
    "truths": ([True, False], pl.Boolean),
    "nothing": ([None, None], pl.Null),
    "decimals": ([Decimal("1.5"), Decimal("2.5")], pl.Decimal(10, 2)),
    "small": ([1, 2], pl.UInt8),
    "large": ([2**63, 2**64 - 1], pl.UInt64),
    "floats": ([1.5, 3.5], pl.Float32),
    "not a number": ([float("nan"), 2.0], pl.Float64),
    "text": (["finished", "validation"], pl.String),
    "odd text": (["[/red]", "=1+1\n"], pl.String),
}
NAMES = (
    "N",
    "D",
    "E",
    "U",
    "C",
    "loss",
    "loss_sem",
    "run",
    "row",
    "row of the source",
    "status",
    "split",
    "annealed",
    "study",
    "point",
    "trunk",
    "name",
    "run_name",
    "k",
    "cluster",
    "settings",
    "settings of the run",
    "draw",
    "weight_decay",
    "lr",
    "peak_learning_rate",
    "batch_size",
    "B",
    "S",
    "unigram_entropy",
    "size",
    "index",
    "count",
    "len",
    "literal",
    "published B_crit",
    "tokens",
    "n_nonembedding",
    "unique_tokens",
    "params",
    "",
    " ",
    "[/red]",
    "a,b",
    "a\nb",
    "N_other",
    "N_right",
    "a_duplicated_0",
    "^.*$",
    "*",
    "loss_plain",
    "\u03bb",
    "\u202e",
    "x" * 300,
)


def usual() -> pl.DataFrame:
    n, tokens = [1e6, 2e6, 4e6, 8e6] * 2, [2e7] * 4 + [8e7] * 4
    loss = [1.8 + 480 / a**0.35 + 2000 / b**0.37 for a, b in zip(n, tokens, strict=True)]
    return pl.DataFrame({"N": n, "D": tokens, "loss": loss})


@st.composite
def odd_tables(draw) -> pl.DataFrame:
    """A usual table with one to three columns of any type added or in the place of one of its own."""
    table = usual()
    for _ in range(draw(st.integers(1, 3))):
        values, kind = TYPES[draw(st.sampled_from(sorted(TYPES)))]
        name = draw(st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), st.text(max_size=8)))
        order = draw(st.permutations(range(ROWS)))
        cells = [values[i % 2] for i in order]
        table = table.with_columns(pl.Series(name, cells, dtype=kind))
    return table


def read_all(table) -> None:
    """All that reads a table before a law is fitted to it."""
    points = load_points(table)
    assert points.remarks is not None
    assert len(of_best_recipe(points)[0].table) <= len(points.table)
    attempt(annealed_rows, points)


@QUIET
@given(odd_tables())
def test_any_columns_are_points_or_a_typed_error(table):
    attempt(read_all, table)
    attempt(as_points, table)


@QUIET
@given(odd_tables(), st.sampled_from(NAMES), st.sampled_from((" = a", " > 1", " + 1 < N", "")))
def test_any_parquet_file_and_condition(tmp_path_factory, table, name, rest):
    path = tmp_path_factory.mktemp("odd") / "points.parquet"
    table.write_parquet(path)
    attempt(read_all, path)
    attempt(load_points, path, exclude=[f"{name}{rest}"])


@pytest.mark.slow
@QUIET
@given(odd_tables())
def test_any_columns_are_fitted_or_a_typed_error(table):
    attempt(fit, table, QUICK, bootstrap=0)


@QUIET
@given(st.sampled_from(sorted(TYPES)), st.sampled_from(NAMES), st.text(max_size=12))
def test_any_name_of_a_column_is_mapped_or_a_typed_error(kind, name, own):
    values, dtype = TYPES[kind]
    table = usual().with_columns(pl.Series(name, (values * ROWS)[:ROWS], dtype=dtype))
    for columns in ({"loss": name}, {"x": own}, {own: name}, {"D": f"1e9*{name}"}, {name: ""}):
        attempt(load_points, table, columns=columns)
    attempt(load_points, table, loss=name)


def test_less_than_a_parameter_in_any_unit_is_refused():
    table = pl.DataFrame({"N": [1e6, 5e-324], "E": [1e9, 1e9], "loss": [3.0, 2.0]})
    with pytest.raises(PointsError, match=r"column N, row .*: .* is less than a parameter, even in billions"):
        as_points(table)


def test_a_ratio_of_e_and_n_too_large_for_a_number_is_doubted_without_a_warning():
    table = pl.DataFrame({"N": [5e-324, 1e6], "E": [1e9, 1e9], "loss": [3.0, 2.0]})
    low, high = ranges_of(table)["E/N"]
    assert low == pytest.approx(1e3)
    assert 1e300 < high < float("inf")
    assert any("fewer than 1k parameters" in doubt for doubt in unit_doubts(ranges_of(table)))
