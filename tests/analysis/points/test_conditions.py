"""The conditions of --exclude and --hold-out: what they match, and what is refused in one sentence."""

import operator

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarry.analysis.points.conditions import matches
from quarry.errors import PointsError

TABLE = pl.DataFrame(
    {
        "N": [1, 2, None, 4],
        "E": [10.0, 20.0, 30.0, 1e9],
        "run": ["a", "b/c", None, "d e (f)"],
        "decay": ["0.1", "1e-3", None, "7"],
        "name": ["1", "2", "x", "4"],
        "good": [True, False, None, True],
    }
)
OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("N<1e5", [0, 1, 3]),
        ("N>-3 and N<=.2e1", [0, 1]),
        ("N<inf", [0, 1, 3]),
        ("run=b/c", [1]),
        ("run = a", [0]),
        ("run!=a", [1, 3]),
        ("run=d e (f)", [3]),
        ("run='b/c' or run=\"a\"", [0, 1]),
        ("run<b", [0]),
        ("N>1 and E>4", [1, 3]),
        ("N>1 AND E<25", [1]),
        ("decay!=0.1", [1, 3]),
        ("decay = 1e-1", [0]),
        ("decay=none", []),
        ("name=2", [1]),
        ("name!=2", [0, 2, 3]),
        ("good=true", [0, 3]),
        ("good!=TRUE", [1]),
        ("good", [0, 3]),
        ("not good", [1]),
        ("E/N > 10", [3]),
        ("E > N*5 + 5 and E - N < 1e6", [1]),
        ("E>5 or N>100", [0, 1, 2, 3]),
        ("(N>3 or run=b/c) and E<1e8", [1]),
        ("(run=d e (f)) or N=1", [0, 3]),
        ("not (N>1 or decay=0.1)", []),
        ("not N>1", [0]),
        ("E>N", [0, 1, 3]),
        ("decay > N/100", [0, 3]),
    ],
)
def test_the_rows_that_meet_a_condition(condition, rows):
    assert matches(TABLE, condition).arg_true().to_list() == rows


@given(
    st.sampled_from(sorted(OPERATORS)),
    st.sampled_from(("N", "E")),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_a_comparison_is_pythons_and_empty_cells_meet_none(symbol, column, value):
    expected = [cell is not None and OPERATORS[symbol](cell, value) for cell in TABLE[column]]
    assert matches(TABLE, f"{column} {symbol} {value!r}").to_list() == expected


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("", "cannot read '': write column op value"),
        ("N", "cannot read 'N': write column op value"),
        ("N>1 or", "cannot read"),
        ("1<2", "cannot read"),
        ("1<N<3", "cannot read"),
        ("N in (1,2)", "cannot read"),
        ("N=1; drop", "cannot read"),
        ("__import__('os')", "cannot read"),
        ("upper(run)='A'", "cannot read"),
        ("abs(N)>1", "cannot read"),
        ("(select 1)", "no column select; found N, E, run, decay, name, good"),
        ("size<3", "'size<3': no column size; found N, E, run"),
        ("N<many", "'N<many': 'many' is not a number"),
        ("good=1", "'good=1': '1' is not true or false"),
        ("run", "'run': column run holds text: write run = text"),
    ],
)
def test_what_is_no_condition_is_refused(condition, sentence):
    with pytest.raises(PointsError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        matches(TABLE, condition)


ODD = pl.DataFrame(
    {"train/loss": [1.0, 5.0], "Peak LR": ["0.1", "0.2"], "not": [1, 2], "N": [3, 4], "E/N": [9, 1]}
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("train/loss > 3", [1]),
        ("`train/loss` > 3 or `not` = 1", [0, 1]),
        ("Peak LR = 0.2", [1]),
        ("Peak LR < 0.15 and train/loss<3", [0]),
        ("N > train/loss", [0]),
        ("E/N > 3", [0]),
    ],
)
def test_columns_of_any_name_can_be_written(condition, rows):
    assert matches(ODD, condition).arg_true().to_list() == rows


def test_text_of_which_some_are_numbers_is_ordered_by_its_numbers():
    table = pl.DataFrame({"loss": ["10.2", "diverged", None, "2"]})
    assert matches(table, "loss > 3").to_list() == [True, False, False, False]
    assert matches(table, "loss = diverged").to_list() == [False, True, False, False]


@pytest.mark.parametrize(
    "condition",
    [
        " or ".join(["N=1"] * 50_000),
        "(" * 60 + "N=1" + ")" * 60,
        "not " * 900 + "good",
        "N" + "+1" * 9_000 + ">3",
    ],
)
def test_a_condition_of_no_persons_length_is_refused_at_once(condition):
    with pytest.raises(
        PointsError, match=r"has [\d,]+ (characters|terms|parentheses in one another), at most"
    ):
        matches(TABLE, condition)
