import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (999, "999"),
        (999.9, "1k"),
        (1_234_567, "1.23M"),
        (2e9, "2B"),
        (5e13, "5\u00a0×\u00a010¹³"),
    ],
)
def test_counts(value, shown):
    assert text.count(value) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (999, "999"), (98_651, "98.7k"), (999_936, "1M"), (10**12 - 1, "1T")]
)
def test_compact_counts(count, shown):
    assert text.compact(count) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(3.2e15, "3.2\u00a0×\u00a010¹⁵"), (1e12, "10¹²"), (9.99e9, "10¹⁰"), (1e-7, "10⁻⁷")]
)
def test_powers(value, shown):
    assert text.power(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.07612, "0.07612"),
        (8.8e13, "8.8\u00a0×\u00a010¹³"),
        (-2.5, "-2.5"),
        (26_004, "26000"),
        (0, "0"),
        (2e-5, "2\u00a0×\u00a010⁻⁵"),
    ],
)
def test_numbers(value, shown):
    assert text.number(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.5, "0.5 s"), (59.7, "1 min 00 s"), (95, "1 min 35 s"), (4000, "1 h 06 min")]
)
def test_durations(seconds, shown):
    assert text.duration(seconds) == shown


@pytest.mark.parametrize("form", [text.count, text.power, text.number, text.duration])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_was_not_measured_is_a_dash(form, value):
    assert form(value) == text.MISSING


@given(st.floats(1.0, 9e11))
def test_a_count_reads_back_to_its_three_figures(value):
    shown = text.count(value)
    factor = {"k": 1e3, "M": 1e6, "B": 1e9}.get(shown[-1], 1.0)
    assert float(shown.rstrip("kMB")) * factor == pytest.approx(value, rel=0.006)
