"""fit, allocate, crossing and plan as a user types them, on tables made from known laws."""

import json

import numpy as np
import polars as pl
import pytest

from quarry.analysis.laws.chinchilla import CHINCHILLA, chinchilla_optimum
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.repeated_data import DATA_CONSTRAINED
from tests.commands import quarry, quarry_here

TRUE = PUBLISHED["besiroglu"].params
MUENNIGHOFF = PUBLISHED["muennighoff"].params


def noisy(loss, noise=0.002):
    return loss * np.exp(noise * np.random.default_rng(0).standard_normal(len(loss)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """grid.csv of sizes and tokens, flat.csv of isoFLOP budgets, epochs.csv of repeated data, ladder.csv."""
    place = tmp_path_factory.mktemp("tables")
    n, tokens = (axis.ravel() for axis in np.meshgrid(np.geomspace(1e7, 1e10, 6), np.geomspace(1e9, 1e12, 6)))
    grid = pl.DataFrame(
        {"N": n, "D": tokens, "my_loss": noisy(CHINCHILLA.predict(TRUE, {"N": n, "E": tokens}))}
    )
    grid.write_csv(place / "grid.csv")
    budgets = np.repeat(np.geomspace(1e19, 1e21, 4), 9)
    n = chinchilla_optimum(TRUE, budgets)[0] * np.tile(np.geomspace(1 / 8, 8, 9), 4)
    loss = noisy(CHINCHILLA.predict(TRUE, {"N": n, "E": budgets / (6 * n)}), 0.0005)
    pl.DataFrame({"N": n, "C": budgets, "loss": loss}).write_csv(place / "flat.csv")
    shape = np.meshgrid(np.geomspace(1e7, 1e10, 4), np.geomspace(1e8, 1e10, 4), [1.0, 4.0, 16.0, 64.0])
    n, unique, k = (axis.ravel() for axis in shape)
    loss = noisy(DATA_CONSTRAINED.predict(MUENNIGHOFF, {"N": n, "U": unique, "E": k * unique}))
    pl.DataFrame({"N": n, "U": unique, "E": k * unique, "loss": loss}).write_csv(place / "epochs.csv")
    sizes = np.geomspace(1e6, 1e9, 12)
    loss = noisy(CHINCHILLA.predict(TRUE, {"N": sizes, "E": 20 * sizes}))
    pl.DataFrame({"N": sizes, "D": 20 * sizes, "loss": loss}).write_csv(place / "ladder.csv")
    return place


@pytest.fixture(scope="module")
def fitted(folder):
    words = ["fit", "grid.csv", "--law", "chinchilla", "--loss", "my_loss", "--hold-out", "N>5e9 and D>5e11"]
    done = quarry_here(*words, "--bootstrap", 200, "--json", "fit.json", "--figures", "drawn", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_fit_names_its_column_holds_out_a_point_and_draws(folder, fitted):
    assert "predictions of the points held out" in fitted
    found = json.loads((folder / "fit.json").read_text())
    assert found["n_points"] == 35
    assert found["excluded"] == [{"reason": "held out by 'N>5e9 and D>5e11'", "n": 1}]
    assert found["params"]["alpha"] == pytest.approx(TRUE["alpha"], abs=0.03)
    assert {path.name for path in (folder / "drawn").iterdir()} >= {"law.svg", "residuals.svg", "starts.svg"}


@pytest.mark.slow
def test_a_comparison_with_another_law_is_printed_and_drawn(folder):
    words = ["fit", "grid.csv", "--law", "chinchilla", "--loss", "my_loss", "--against", "skaling"]
    done = quarry_here(*words, "--bootstrap", 0, "--figures", "compared", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "laws fitted to the same points" in done.stdout
    drawn = (folder / "compared" / "comparison.svg").read_text()
    assert "skaling" in drawn


@pytest.mark.slow
def test_frozen_parameters_and_the_objective_elsewhere(folder):
    words = ["fit", "epochs.csv", "--law", "data-constrained", "--at", "R_D=10", "--bootstrap", 0]
    for name in ("L_inf", "A", "B", "alpha", "beta"):
        words += ["--freeze", f"{name}={MUENNIGHOFF[name]}"]
    done = quarry_here(*words, "--json", "frozen.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "the objective elsewhere" in done.stdout
    found = json.loads((folder / "frozen.json").read_text())
    assert found["params"]["A"] == pytest.approx(MUENNIGHOFF["A"])
    assert found["params"]["R_D"] == pytest.approx(MUENNIGHOFF["R_D"], rel=0.1)
    assert found["interval"]["A"] == [found["params"]["A"]] * 2


@pytest.mark.slow
def test_a_ladder_of_fixed_tokens_per_parameter_is_flagged(folder):
    done = quarry_here("fit", "ladder.csv", "--law", "chinchilla", "--json", "ladder.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "cannot tell the exponents apart" in " ".join(done.stdout.split())
    found = json.loads((folder / "ladder.json").read_text())
    assert set(map(tuple, list(found["interval"].values())[1:])) == {(None, None)}
    assert found["derived"] == {}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "table"), [("isoflop", "flat.csv"), ("parametric", "flat.csv")])
def test_allocation_finds_the_optimum(method, table, folder):
    words = ["allocate", table, "--flops", 1e20, 1e21, "--method", method, "--bootstrap", 200]
    done = quarry_here(*words, "--json", f"{method}.json", "--figures", f"{method}-drawn", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / f"{method}.json").read_text())
    for row in found["budgets"]:
        assert row["N"] == pytest.approx(chinchilla_optimum(TRUE, row["C"])[0], rel=0.3)
        assert row["N_low"] < row["N"] < row["N_high"]
    assert len(list((folder / f"{method}-drawn").iterdir())) >= 2


@pytest.mark.slow
def test_a_plan_comes_from_fits_or_from_published_ones(folder, fitted):
    done = quarry_here("plan", "--flops", 1e21, "--fit", "fit.json", "--json", "plan.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "2.78B" in quarry_here("plan", "--flops", 1e21, cwd=folder).stdout
    assert "1e+21" not in done.stdout
    assert json.loads((folder / "plan.json").read_text())


@pytest.mark.slow
def test_the_next_runs_are_chosen_and_priced(folder, fitted):
    words = ["plan", "--next", 2, "--budget", 1e21, "--target", "alpha", "--fit", "fit.json"]
    done = quarry_here(*words, "--json", "next.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "s.e. of alpha" in done.stdout


@pytest.mark.slow
def test_crossing_of_published_constants_and_of_points(folder):
    published = quarry_here("crossing", cwd=folder).stdout
    assert "1.668" in published
    assert "1.49" in published
    words = ["crossing", "epochs.csv", "--surface", "data-constrained", "--bootstrap", 100]
    done = quarry_here(*words, "--json", "crossing.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "draws without a crossing" in done.stdout
    assert json.loads((folder / "crossing.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fit", "grid.csv", "--law", "chinchilla"], "needs columns N, loss"),
        (["fit", "grid.csv", "--law", "chinchilla", "--loss", "height"], "no column 'height' for the loss"),
        (["fit", "ladder.csv", "--law", "chinchilla", "--freeze", "gamma=1"], "has no parameter gamma"),
        (["fit", "ladder.csv", "--law", "chinchilla", "--freeze", "A"], "cannot read 'A'"),
        (["fit", "ladder.csv", "--law", "chinchilla", "--noise", "sd"], "noise='sd' is not a column"),
        (["fit", "ladder.csv", "--law", "chinchilla", "--above", "2"], "above=2.0"),
        (["fit", "ladder.csv", "--law", "chinchilla", "--hold-out", "N>1e20"], "no point matches"),
        (["fit", "ladder.csv", "--law", "context"], "needs columns T, loss"),
        (["fit", "ladder.csv", "--law", "kaplan-ns"], "B"),
        (["rivals", "ladder.csv", "--least", "2"], "least=2: must lie between 0 and 1"),
        (["allocate", "ladder.csv", "--flops", "1e20"], "budget"),
        (["allocate", "ladder.csv", "--flops", "-1"], "flops=-1.0"),
        (["crossing", "ladder.csv"], "U"),
        (["plan"], "--flops"),
        (["plan", "--flops", "1e20", "--fit", "absent.json"], "absent.json"),
        (["plan", "--next", "2", "--fit", "ladder.csv"], "budget"),
    ],
)
def test_bad_words_are_refused_in_a_sentence(words, says, folder):
    done = quarry_here(*words, cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_installed_command_refuses_with_its_exit_code(folder, cache):
    done = quarry(cache, "fit", "grid.csv", "--law", "chinchilla", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "needs columns N, loss" in done.stderr
