"""The table of runs in words."""

from quarry.analysis.points.runs import RUN_COLUMNS
from quarry.analysis.report.run_cells import cell, headings


def row(**values):
    return dict.fromkeys(RUN_COLUMNS) | {"annealed": True} | values


def test_only_columns_with_a_value_are_shown_and_the_loss_stands_after_the_sizes():
    runs = [row(run="a", N=1000, E=20_000, U=20_000, loss=3.0), row(run="b", N=2000, C=1e9)]
    assert list(headings(runs).items()) == [
        *((name, name) for name in ("run", "N", "E", "loss", "U", "C")),
    ]
    assert headings([row(loss=3.0, loss_sem=0.1)])["loss"] == "loss ± s.e."


def test_a_loss_has_its_error_and_a_star_where_it_is_mid_schedule():
    assert cell(row(loss=3.0, loss_sem=0.012), "loss") == "3.0000 ± 0.012"
    assert cell(row(loss=3.0, annealed=False), "loss") == "3.0000*"
    assert cell(row(), "loss") == "–"
    assert cell(row(N=1_234_000), "N") == "1.23M"
    assert cell(row(test_loss=3.0), "test_loss") == "3.0000"
