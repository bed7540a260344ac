"""Too few sizes, exponents steeper than any known, and values that a limit of the search stopped are told."""

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from quarry import fit
from quarry.analysis.commands.fit_tables import at_table, parameter_table
from quarry.analysis.fitting.doubts import few_values, steep_exponents, values_needed
from quarry.analysis.fitting.objective import Objective
from quarry.analysis.fitting.search import Data
from quarry.analysis.laws.catalog import LAWS, find_law
from quarry.analysis.laws.published import find_published
from quarry.analysis.points.loading import as_points
from quarry.analysis.report.page import _environment
from tests.analysis.designs import DESIGNS
from tests.analysis.quick import QUICK
from tests.published import published

BESIROGLU = find_published("besiroglu")


def grid(sizes: int, counts: int = 8) -> pl.DataFrame:
    """Chinchilla's law at so many N from 1e8 and E from 1e9, with seed noise of 0.3%."""
    n, tokens = np.meshgrid(1e8 * 2.0 ** np.arange(sizes), np.geomspace(1e9, 1e11, counts))
    inputs = {"N": n.ravel(), "E": tokens.ravel()}
    seeds = np.exp(0.003 * np.random.default_rng(1).standard_normal(n.size))
    return pl.DataFrame(inputs | {"loss": BESIROGLU.law.predict(BESIROGLU.params, inputs) * seeds})


def few(table: pl.DataFrame, law: str, **freeze: float) -> list[str]:
    """What is said of the values that the inputs take."""
    found = find_law(law).frozen(freeze)
    return list(few_values(Data.of(as_points(table, found).table, found, Objective())))


@pytest.fixture(scope="module")
def stopped():
    """Three sizes of which the two larger are equal: the exponent of N runs to its limit."""
    table = grid(3)
    largest = table.filter(pl.col("N") == pl.col("N").max()).select("E", flat="loss")
    flat = pl.when(pl.col("N") < 1.5e8).then("loss").otherwise("flat")
    return fit(table.join(largest, on="E").with_columns(loss=flat), QUICK, bootstrap=0)


def test_few_sizes_are_counted_whatever_the_rows():
    two, three = few(grid(2), "chinchilla"), few(grid(3), "chinchilla")
    assert two[0].startswith(
        "N takes 2 values in 16 points, and chinchilla needs 3: its term in N is not determined"
    )
    assert three[0].startswith(
        "N takes 3 values in 24 points, as many as chinchilla needs along N and none to"
    )
    assert len(two) == len(three) == 1
    assert few(grid(4), "chinchilla") == []


def test_few_token_counts_and_few_sizes_of_a_law_of_one_input_are_counted():
    assert few(grid(8, 3), "chinchilla")[0].startswith("E takes 3 values in 24 points")
    ladder = grid(4).filter(pl.col("E") == pl.col("E").max())
    seeds = pl.concat([ladder.with_columns(loss=pl.col("loss") * (1 + 0.002 * i)) for i in range(3)])
    assert few(seeds.filter(pl.col("N") < 3e8), "kaplan-n")[0].startswith("N takes 2 values in 6 points")
    assert few(seeds.filter(pl.col("N") < 5e8), "kaplan-n") == []


def test_sizes_within_a_hundredth_are_one():
    rounded = grid(3).with_columns(N=pl.col("N") * pl.Series(np.linspace(1, 1.009, 24)))
    assert few(rounded, "chinchilla")[0].startswith("N takes 3 values")


def test_a_frozen_irreducible_loss_needs_one_size_less():
    assert values_needed(find_law("chinchilla").frozen({"L_inf": 1.8}), "N") == 2
    assert few(grid(3), "chinchilla", L_inf=1.8) == []


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_the_exponents_of_a_law_are_its_parameters(law):
    assert {name for names in law.decay for name in names} <= set(law.parameter_names)
    assert law.decay or law.response != "loss"


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_laws_with_usual_exponents_are_not_doubted(design):
    assert list(steep_exponents(design.law, design.params)) == []


def test_an_exponent_above_one_is_doubted_that_of_skaling_times_kappa():
    law, params = find_law("skaling"), {**BESIROGLU.params, "alpha": 1.5}
    assert list(steep_exponents(law, {**params, "kappa": 0.5})) == []
    (told,) = steep_exponents(law, {**params, "kappa": 0.9})
    assert told.startswith("the exponent alpha kappa = 1.35, and none above 1 is known")
    assert list(steep_exponents(find_law("chinchilla"), params, {"alpha": 1.5})) == []  # not fitted


def test_a_value_at_a_limit_is_told_and_marked_in_json_report_and_tables(stopped):
    assert stopped.at_limit["alpha"] == "upper"
    assert stopped.to_json()["at_limit"] == stopped.at_limit
    assert any(
        warning.startswith("alpha = 5 is a limit of the search and no") for warning in stopped.warnings
    )
    assert any(warning.startswith("the exponent alpha = 5, and none above 1") for warning in stopped.warnings)
    assert stopped.shown("beta") == f"{stopped.params['beta']:.4g}"
    assert stopped.shown("a").endswith("(limit)")  # beta / (alpha + beta)
    assert "5 (limit)" in _environment().get_template("parameters.html.j2").render(fit=stopped)
    console = Console(width=200)
    with console.capture() as shown:
        console.print(parameter_table(stopped), at_table(stopped, stopped.at({"beta": 0.3})))
    assert shown.get().count("5 (limit)") >= 2


def test_distinct_values_are_in_json_and_checklist(stopped):
    assert stopped.to_json()["diagnostics"]["distinct"] == {"N": 3, "E": 8}
    assert "N 100M to 400M (3 values)" in dict(stopped.checklist())["range"]
    assert any(warning.startswith("N takes 3 values in 24 points") for warning in stopped.warnings)


def test_an_irreducible_loss_of_zero_lies_on_its_bound():
    pure = grid(6, 2).with_columns(loss=(1e15 / pl.col("N")) ** 0.1)
    found = fit(pure, "power-offset", bootstrap=0)
    assert found.at_limit == {"L_inf": "lower"}
    assert any(
        warning.endswith("lies on its bound, 0: the points show none above it") for warning in found.warnings
    )


@pytest.mark.slow
def test_published_runs_of_many_sizes_are_not_doubted():
    found = fit(pl.read_csv(published("chinchilla_234.csv")), "chinchilla", bootstrap=0)
    assert found.at_limit == {}
    assert not any("takes" in warning or "none above 1" in warning for warning in found.warnings)
