"""The rivals on synthetic points: the law that made them predicts what was held out, beyond noise."""

import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from quarry import fit
from quarry.analysis.commands.rivals import print_rivals, rivals_json
from quarry.analysis.fitting.comparison.recipes import of_best_recipe
from quarry.analysis.fitting.comparison.repeated_data import RIVALS, compare_rivals
from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.analysis.laws.law import Law
from quarry.analysis.laws.repeated_data import DATA_CONSTRAINED, EFFECTIVE_REUSE, OVERFIT_EPOCHS
from quarry.analysis.points.loading import as_points
from quarry.analysis.points.table import Points
from quarry.analysis.report.figures.rivals import held_out_predictions
from quarry.errors import FitError
from quarry.train.record.files import json_values

pytestmark = pytest.mark.xdist_group("rivals")  # one process fits what all of these look at
NOISE = 0.002
BASE = {"L_inf": 1.8, "A": 482.0, "B": 2085.0, "alpha": 0.35, "beta": 0.37}
KAPLAN = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}
TRUE = {
    "kaplan-nd": KAPLAN,
    "data-constrained": BASE | {"R_D": 3.0, "R_N": 5.0},
    "effective-reuse": BASE | {"rho": 2.0, "U_0": 5e7},
    "overfit-epochs": BASE | {"P": 0.02, "delta": 0.8, "kappa": 0.4},
}


def quick(law: Law, **starts: float) -> Law:
    """The law with one start, so that a search is a descent from there."""
    few = (replace(parameter, starts=(starts[parameter.name],)) for parameter in law.parameters)
    return replace(law, parameters=tuple(few), nested=())


LAWS = {
    law.name: quick(law, **TRUE[law.name])
    for law in (KAPLAN_ND, DATA_CONSTRAINED, EFFECTIVE_REUSE, OVERFIT_EPOCHS)
}


def grid() -> pl.DataFrame:
    """Five N, five U, k from 1 to 64; a cell is one run."""
    axes = np.geomspace(1e7, 1e9, 5), np.geomspace(1e8, 1e10, 5), 4.0 ** np.arange(4)
    n, unique, k = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    return pl.DataFrame({"N": n, "U": unique, "E": k * unique, "k": k}).with_columns(
        run=pl.format("{} {}", "N", "U")
    )


def made_by(name: str, seed: int = 1) -> pl.DataFrame:
    """The grid with noisy losses of a law; Kaplan's is least at 16 passes, as no rival bends."""
    table = grid()
    inputs = {key: table[key].to_numpy() for key in "NUE"}
    loss = LAWS[name].predict(TRUE[name], inputs)
    if name == "kaplan-nd":
        loss = loss * (1 + 0.01 * np.log2(table["k"].to_numpy() / 16) ** 2)
    noise = NOISE * np.random.default_rng(seed).standard_normal(len(table))
    return table.with_columns(loss=loss * np.exp(noise))


AGAINST = {
    "data-constrained": "overfit-epochs",
    "effective-reuse": "data-constrained",
    "overfit-epochs": "effective-reuse",
}


def of(*names: str) -> dict[str, Law]:
    return {name: LAWS[name] for name in names}


@pytest.fixture(scope="module")
def results():
    floor = compare_rivals(made_by("kaplan-nd"), of("kaplan-nd", "overfit-epochs"), bootstrap=100)
    return {"kaplan-nd": floor} | {
        name: compare_rivals(made_by(name), of(name, rival), bootstrap=100) for name, rival in AGAINST.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(("name", "rival"), AGAINST.items())
def test_the_true_law_wins_on_its_own_surface(name, rival, results):
    """It errs by noise alone wherever it is asked, and beats its rival beyond noise somewhere."""
    found = results[name]
    own = found.verdicts.filter(pl.col("law") == name)
    assert own["question"].to_list() == [
        "largest N", "largest N, best k", "largest U", "largest U, best k", "largest k",
    ]  # fmt: skip
    assert own["error"].max() < 2.5 * NOISE
    for question, winner, not_worse in found.winners.select("question", "winner", "not_worse").iter_rows():
        assert name in (winner, *not_worse), question
    won = found.winners.filter(pl.col("winner") == name)["question"]
    beaten = found.verdicts.filter(pl.col("question").is_in(won.to_list()), pl.col("low") > 0)
    assert set(beaten["law"]) == {rival}


@pytest.mark.slow
def test_kaplans_law_of_the_least_loss_wins_on_its_own_floor(results):
    found = results["kaplan-nd"]
    best_k = found.winners.filter(pl.col("question").str.ends_with("best k"))
    assert best_k["winner"].to_list() == ["kaplan-nd"] * 2
    assert best_k["units"].to_list() == [5, 5]
    refused = found.refused.filter(pl.col("law") == "kaplan-nd")["question"].to_list()
    assert refused == ["largest N", "largest U", "largest k"]
    assert found.ranking.filter(pl.col("law") == "kaplan-nd")["points"].item() == 25


@pytest.mark.slow
def test_what_is_predicted_was_not_fitted(results):
    """Predictions of the largest N by the fit of a table without it, and the errors of the table."""
    found, table = results["overfit-epochs"], made_by("overfit-epochs")
    shown = found.predictions.filter(pl.col("question") == "largest N", pl.col("law") == "overfit-epochs")
    assert shown["N"].unique().to_list() == [1e9]
    assert len(shown) == 20
    without = fit(table.filter(pl.col("N") < 5e8), LAWS["overfit-epochs"], bootstrap=0)
    inputs = {"N": shown["N"].to_numpy(), "U": shown["U"].to_numpy()}
    expected = without.predict(inputs | {"E": (shown["k"] * shown["U"]).to_numpy()})
    np.testing.assert_allclose(shown["predicted"], expected, rtol=1e-5)
    error = (shown["predicted"] / shown["measured"] - 1).abs().mean()
    assert found.ranking.filter(pl.col("law") == "overfit-epochs")["largest N"].item() == pytest.approx(error)


@pytest.mark.slow
def test_the_figure_has_a_dot_for_each_prediction(results):
    chart = held_out_predictions(results["overfit-epochs"], "largest k").to_dict()
    assert len(chart["datasets"][chart["layer"][1]["data"]["name"]]) == 2 * 25
    assert held_out_predictions(results["kaplan-nd"], "largest U, best k").to_dict()["layer"]


def test_the_best_recipe_is_kept_at_each_number_of_passes():
    table = pl.concat(
        [
            grid().with_columns(weight_decay=pl.lit(decay), loss=2 + penalty * pl.col("k") / 64 + offset)
            for decay, penalty, offset in ((0.1, 0.5, 0.0), (1.6, 0.0, 0.1))
        ]
    ).filter(pl.col("weight_decay").eq(0.1) | pl.col("k").gt(1))
    points, warnings = of_best_recipe(Points(table, (), "a table", "N"))
    decays = dict(points.table.group_by("k").agg(pl.col("weight_decay").unique().first()).iter_rows())
    assert decays == {1: 0.1, 4: 0.1, 16: 1.6, 64: 1.6}
    assert warnings == (
        "the best of up to 2 recipes (weight_decay) at each N, U and k: 100 of 175 points; "
        "25 of 100 were trained by fewer recipes",
    )
    assert of_best_recipe(points)[0] is points


@pytest.mark.slow
def test_what_the_points_do_not_allow_is_listed_with_its_reason():
    """One U, and too few cells for Kaplan's law."""
    one = made_by("overfit-epochs").filter(pl.col("U") < 1.5e8, pl.col("N") < 5e8)
    told = replace(as_points(one), notes=("read as this",))
    found = compare_rivals(told, of("kaplan-nd", "overfit-epochs"), bootstrap=100)
    assert rivals_json(found)["warnings"][0] == "read as this"
    reasons = {(law, question): reason for law, question, reason in found.refused.iter_rows()}
    assert reasons[None, "largest U"].startswith("fewer than two values of U")
    assert reasons["kaplan-nd", "largest N, best k"] == "3 distinct points left to fit 4 parameters"
    assert found.verdicts["probability"].null_count() > 0
    best_k = found.winners.filter(question="largest N, best k").row(0, named=True)
    assert (best_k["runs"], best_k["tested"]) == (1, False)
    two = replace(found, verdicts=pl.concat([found.verdicts, found.verdicts]))
    for each, said in ((found, "(no other law answers)"), (two, "not tested: needs 5 runs held out")):
        console = Console(width=200, record=True, file=io.StringIO())
        print_rivals(each, console)
        assert said in console.export_text()
    once = made_by("overfit-epochs").filter(pl.col("k") == 1)
    (refused,) = compare_rivals(once, of("kaplan-nd", "overfit-epochs"), bootstrap=100).refused.filter(
        law="kaplan-nd"
    )["reason"]
    assert refused == "no size saw its data for several numbers of passes"
    for draws in (0, 50):
        with pytest.raises(FitError, match=f"bootstrap={draws}: a probability needs at least 100 draws"):
            compare_rivals(one, LAWS, bootstrap=draws)
    with pytest.raises(FitError, match="no law predicts anything held out"):
        compare_rivals(one.filter(pl.col("k") == 1, pl.col("N") < 2e7), LAWS, bootstrap=100)


def test_every_switch_of_the_joint_surface_has_a_name():
    assert [name for name in RIVALS if name.startswith("epochs")] == [
        "epochs (reuse)",
        "epochs (coupling, reuse)",
        "epochs (reuse, overfit)",
        "epochs (coupling, reuse, overfit)",
    ]


@pytest.mark.slow
def test_the_verdicts_are_printed_and_written_as_json(results):
    found, console = results["effective-reuse"], Console(width=200, record=True, file=io.StringIO())
    print_rivals(found, console)
    shown = console.export_text()
    best = found.winners.row(0, named=True)
    assert f"{found.ranking.filter(pl.col('law') == best['winner'])['largest N'].item():.2%} *" in shown
    assert "N = 1B" in shown
    written = json_values(rivals_json(found))
    assert written["winners"][0]["winner"] == best["winner"]
    assert set(written["laws"][0]["params"]) == set(TRUE[written["laws"][0]["law"]])
