"""The table of a dry run: numbers that can be read."""

import pytest

from quarry.train.launch.dry_run import passes


@pytest.mark.parametrize(
    ("epochs", "shown"), [(0.31117, "0.311"), (2.7, "2.7"), (128.0, "128"), (1024.0, "1024"), (1e-5, "1e-05")]
)
def test_passes_have_three_digits_or_all_before_the_point(epochs, shown):
    assert passes(epochs) == shown
