"""`quarry allocate --method isoflop`: its own options, and the column that names the budgets."""

import io
import json

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from quarry.analysis.allocation.methods import allocate
from quarry.analysis.commands.allocate import AllocateOptions, allocate_points
from quarry.analysis.commands.options import BootstrapOptions, OutputOptions
from quarry.analysis.laws.chinchilla import CHINCHILLA, chinchilla_optimum
from quarry.errors import FitError

LAW = {"L_inf": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
LABELS = ("small", "middle", "large")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Three named budgets of 7 sizes a factor of 1.3 apart, with C uniform within 25%."""
    rng = np.random.default_rng(0)
    middle = np.repeat(1e19 * 1.3 ** np.arange(3), 7)
    n = np.asarray(chinchilla_optimum(LAW, middle)[0]) * np.tile(np.geomspace(1 / 8, 8, 7), 3)
    c = middle * rng.uniform(0.75, 1.25, 21)
    loss = CHINCHILLA.predict(LAW, {"N": n, "E": c / (6 * n)})
    path = tmp_path_factory.mktemp("tables") / "named.csv"
    pl.DataFrame({"N": n, "C": c, "loss": loss, "budget": np.repeat(LABELS, 7)}).write_csv(path)
    return path


def run(path, bootstrap=100, **options):
    """The allocation and what was printed."""
    console = Console(file=io.StringIO(), width=200)
    options = AllocateOptions((1e20,), draws=BootstrapOptions(bootstrap), **options)
    return allocate_points(path, options, console), console.file.getvalue()


def test_the_column_budget_names_the_budgets_of_a_table(table, tmp_path):
    allocation, printed = run(table, output=OutputOptions(json=tmp_path / "found.json"))
    assert allocation.found.budgets["points"].to_list() == [7] * 3
    assert allocation.a[0] == pytest.approx(LAW["beta"] / (LAW["alpha"] + LAW["beta"]), abs=0.06)
    assert "moved to one C" in " ".join(printed.split())
    written = json.loads((tmp_path / "found.json").read_text())
    assert {"method", "budgets", "params", "interval", "detail", "warnings"} == set(written)
    assert {"method", "interpolation", "noise", "budgets", "refused", "trend"} == set(written["detail"])


def test_noise_widens_the_intervals_and_moves_no_estimate(table):
    quiet, loud = (run(table, noise=noise)[0] for noise in (0.0005, 0.001))
    assert quiet.a[0] == loud.a[0] == run(table, bootstrap=0)[0].a[0]
    assert np.ptp(loud.a[1]) > 1.3 * np.ptp(quiet.a[1])
    assert loud.to_json()["detail"]["noise"] == {"sd": 0.001, "degrees_of_freedom": None, "source": "given"}


def test_the_tolerance_is_that_of_windows_of_c(table):
    path = table.with_name("unnamed.csv")
    pl.read_csv(table).drop("budget").write_csv(path)
    with pytest.raises(FitError, match=r"tolerance=0\.7"):
        run(path, tolerance=0.7)
    wide, narrow = (
        allocate(path, [1e20], tolerance=width, curve="parabola", bootstrap=0).found for width in (0.1, 0.05)
    )
    assert len(wide.budgets) + len(wide.refused) < len(narrow.budgets) + len(narrow.refused)


@pytest.mark.parametrize("method", ["envelope", "parametric", "kaplan"])
@pytest.mark.parametrize("own", [{"noise": 0.01}, {"tolerance": 0.1}])
def test_other_methods_refuse_the_options_of_isoflop(table, method, own):
    with pytest.raises(
        FitError, match=f"{next(iter(own))}=0.*: only the method isoflop has it, not {method}"
    ):
        run(table, method=method, **own)


def test_learning_curves_are_read_at_budgets_between_their_losses(tmp_path):
    sizes, tokens = np.geomspace(2e7, 2e10, 10), 1e8 * 2.0 ** np.arange(16)
    n, e = (axis.ravel() for axis in np.meshgrid(sizes, tokens, indexing="ij"))
    loss = CHINCHILLA.predict(LAW, {"N": n, "E": e})
    path = tmp_path / "curves.csv"
    names = [f"size {each:.3g}" for each in n]
    pl.DataFrame({"run": names, "N": n, "E": e, "loss": loss}).write_csv(path)
    budgets = (1e19, 1e20, 1e21)
    found, _ = run(path, read_at=budgets)
    assert found.found.budgets["C"].to_list() == pytest.approx(budgets)
    exponent = LAW["beta"] / (LAW["alpha"] + LAW["beta"])
    assert found.a[0] == pytest.approx(exponent, abs=0.01)
    with pytest.raises(FitError, match="read_at=10³⁰: no run has losses at less and at more compute"):
        run(path, read_at=(1e30,))
    with pytest.raises(FitError, match="only the method isoflop has it, not envelope"):
        run(path, method="envelope", read_at=budgets)
