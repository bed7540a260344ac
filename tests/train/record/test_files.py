"""JSON is written strictly: null for numbers that are not finite, plain values for NumPy's."""

import json
import math

import numpy as np
import pytest

from quarry.train.record.files import json_values, write_json


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf")])
def test_a_number_that_is_not_finite_is_null(value):
    assert json_values(value) is None


@pytest.mark.parametrize(
    ("value", "plain"),
    [(np.int64(3), 3), (np.float32(0.5), 0.5), (np.bool_(True), True), (np.str_("a"), "a"), (None, None)],
)
def test_a_numpy_scalar_becomes_a_plain_value(value, plain):
    assert json_values(value) == plain
    assert type(json_values(value)) is type(plain)


def test_nested_values_are_written_strictly(tmp_path):
    write_json(tmp_path / "out.json", {"a": [{"b": (1.0, math.inf)}], "n": np.int64(2), "nan": math.nan})
    written = (tmp_path / "out.json").read_text()
    assert "NaN" not in written
    assert "Infinity" not in written
    assert json.loads(written) == {"a": [{"b": [1.0, None]}], "n": 2, "nan": None}
