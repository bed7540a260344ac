"""Any table and any text: a fit that says what it cannot know, or one typed error; no library's warning."""

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry import fit, load_points
from quarry.analysis.fitting.result import Fit
from quarry.analysis.laws.catalog import LAWS
from tests.analysis.fuzzing import QUIET, attempt

INPUTS = ("N", "E", "U", "C", "M", "T", "S_min", "B_crit", "loss")
QUICK = ("kaplan-n", "kaplan-d", "kaplan-c", "critical-batch", "power-offset", "context", "overtraining")
laws = st.one_of(st.sampled_from(QUICK), st.sampled_from(QUICK), st.sampled_from(list(LAWS)))
rows = st.sampled_from((0, 1, 2, 4, 6, 8, 12, 20, 20, 40, 40, 60))
awkward = st.sampled_from(
    (0.0, -1.0, math.nan, math.inf, -math.inf, 1e-300, 1e300, 5e-324, 1.0, 1e3, 1e12, None)
)
options = st.fixed_dictionaries(
    {
        "objective": st.sampled_from(("huber", "huber", "log", "raw")),
        "interval": st.sampled_from(("percentile", "bca")),
        "resampling": st.sampled_from(("run", "point", "noise")),
        "above": st.sampled_from((1.0, 0.3)),
        "bootstrap": st.sampled_from((0, 100)),
    }
)


@st.composite
def columns(draw) -> dict[str, np.ndarray]:
    """Scale points as a trainer may have made them: grids, ladders, repeats, any slope, outliers."""
    count = draw(rows)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    low, high = sorted(draw(st.tuples(st.floats(3, 12), st.floats(3, 12))))
    table = {name: 10 ** rng.uniform(low, high, count) for name in INPUTS}
    for name in draw(st.sets(st.sampled_from(INPUTS[:-1]))):
        table[name] = np.full(count, 10.0 ** draw(st.integers(3, 12)))  # a column that never changes
    if draw(st.booleans()):
        table["E"] = 20 * table["N"]
    if draw(st.booleans()):
        table["U"] = table["E"] / draw(st.sampled_from((0.5, 1.0, 1.0, 4.0)))
    if draw(st.booleans()):  # duplicates
        table = {name: values[rng.integers(0, max(1, count // 3), count)] for name, values in table.items()}
    table["loss"] = _losses(table["N"], rng, draw(st.sampled_from((0.0, 1e-3, 0.5))), draw(st.floats(-1, 1)))
    if draw(st.booleans()):
        table["loss"] = np.where(rng.random(count) < 0.1, table["loss"] * 10, table["loss"])
    return table


def _losses(n: np.ndarray, rng: np.random.Generator, noise: float, slope: float) -> np.ndarray:
    return (1.5 + (n / 1e6) ** -slope) * np.exp(noise * rng.standard_normal(len(n)))


def check(result: Fit) -> None:
    """Strict JSON with a sentence for every number that is missing, a full checklist, and predictions."""
    value = result.to_json()
    json.dumps(value, allow_nan=False)
    assert None not in value["params"].values() or result.warnings
    assert None not in value["derived"].values() or result.warnings
    open_sides = [name for name in result.params if None in result.interval[name]]
    assert not open_sides or result.warnings
    assert all(answer for _, answer in result.checklist())
    low, high = result.band({name: result.points[name].to_numpy() for name in result.law.inputs})
    predicted = result.predict({name: result.points[name].to_numpy() for name in result.law.inputs})
    assert ((low <= predicted) & (predicted <= high)).all()


@pytest.mark.slow
@QUIET
@given(columns(), laws, options)
def test_any_scale_points(table, law, choices):
    result = attempt(fit, pl.DataFrame(table), law, **choices)
    if result is not None:
        check(result)


@pytest.mark.slow
@QUIET
@given(columns(), st.sampled_from(QUICK), st.data())
def test_tables_with_broken_values(table, law, data):
    frame = pl.DataFrame(table)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(INPUTS))
        frame = _with_value(frame, name, data.draw(st.integers(0, 59)), data.draw(awkward))
    drop = data.draw(st.lists(st.sampled_from(INPUTS), max_size=2))
    result = attempt(fit, frame.drop(*drop, strict=False), law, bootstrap=100)
    if result is not None:
        check(result)


def _with_value(frame: pl.DataFrame, name: str, row: int, value: float | None) -> pl.DataFrame:
    values = frame[name].to_list()
    if row < len(values):
        values[row] = value
    return frame.with_columns(pl.Series(name, values, dtype=pl.Float64))


cells = st.one_of(
    st.floats(3, 12).map(lambda power: f"{10**power:.4g}"),
    st.sampled_from(("1e6", "2.5", "", "0", "-3", "nan", "inf", "1e400", "abc", "1,5", '"7"', " 3 ", "true")),
)
tidy = st.floats(0, 12).map(lambda power: f"{10**power:.4g}")


@st.composite
def csv_text(draw) -> str:
    """A CSV file: a tidy one with the usual columns, any columns, cells that are not numbers, a torn end."""
    some = draw(st.lists(st.sampled_from((*INPUTS, "D", "run", "split", "annealed")), unique=True))
    usual = draw(
        st.sampled_from((("N", "loss", "E"), ("N", "loss", "C"), ("N", "D", "loss", "U"), ("T", "loss")))
    )
    names = draw(st.sampled_from((usual, usual, tuple(some) or usual, tuple(dict.fromkeys((*usual, *some))))))
    cell = draw(st.sampled_from((tidy, tidy, tidy, cells)))
    lines = draw(st.lists(st.lists(cell, min_size=len(names), max_size=len(names)), max_size=12))
    text = "\n".join(",".join(line) for line in [names, *lines])
    return text[: -draw(st.integers(1, 9))] if draw(st.integers(0, 5)) == 0 else text


@pytest.mark.slow
@QUIET
@given(csv_text(), st.sampled_from(QUICK))
def test_any_csv_text(tmp_path_factory, text, law):
    path = tmp_path_factory.mktemp("fuzz") / "points.csv"
    path.write_text(text)
    points = attempt(load_points, path, law=LAWS[law])
    result = attempt(fit, points, law, bootstrap=100) if points is not None else None
    if result is not None:
        check(result)


@QUIET
@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_a_typed_error(tmp_path_factory, content):
    for name in ("points.csv", "points.parquet"):
        path = tmp_path_factory.mktemp("fuzz") / name
        path.write_bytes(content)
        attempt(load_points, path)
