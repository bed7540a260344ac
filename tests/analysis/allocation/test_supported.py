"""The optimum of a fitted law is refused where its points say nothing of it."""

import numpy as np
import polars as pl
import pytest

import quarry
from quarry.errors import FitError

FLOPS = [3.6e21]


@pytest.fixture(scope="module")
def of_size_alone() -> pl.DataFrame:
    """Six sizes at 5, 20 and 60 tokens per parameter: the loss depends on N alone."""
    n = np.repeat(np.geomspace(1e7, 1e9, 6), 3)
    noise = np.exp(0.01 * np.random.default_rng(0).standard_normal(len(n)))
    return pl.DataFrame({"N": n, "E": n * np.tile([5.0, 20.0, 60.0], 6), "loss": 11.8 * n**-0.0776 * noise})


@pytest.mark.parametrize(
    ("bootstrap", "refused"),
    [
        (100, r"^these points bound the exponent a of N ~ C\^a on neither side \(a = 0\.\d+ by alpha = "),
        (
            0,
            r"^by this law [NE]_opt is .* FLOPs, inside the C measured, where [NE] is .*: these points",
        ),
    ],
)
def test_points_whose_loss_depends_on_n_alone_divide_no_budget(of_size_alone, bootstrap, refused):
    with pytest.raises(FitError, match=refused):
        quarry.allocate(of_size_alone, FLOPS, method="parametric", bootstrap=bootstrap)


def test_points_of_one_e_divide_no_budget(of_size_alone):
    one = of_size_alone.with_columns(E=1e9)
    with pytest.raises(FitError, match=r"^E never varies in these points: no law of N and E says what"):
        quarry.allocate(one, FLOPS, method="parametric", bootstrap=0)


def test_a_budget_below_the_points_is_told_or_refused():
    known = quarry.find_published("besiroglu")
    n, e = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e9, 4), np.geomspace(1e9, 1e11, 4)))
    points = pl.DataFrame({"N": n, "E": e, "loss": known.law.predict(known.params, {"N": n, "E": e})})
    points = points.with_columns(C=6 * pl.col("N") * pl.col("E"))
    low = quarry.allocate(points, [1e14], method="parametric", bootstrap=0)
    assert any(each.startswith("less than a tenth of the smallest point's compute") for each in low.warnings)
    with pytest.raises(FitError, match="less than one: the budget is too small"):
        quarry.allocate(points, [1e-3], method="parametric", bootstrap=0)
