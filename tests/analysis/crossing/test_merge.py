"""The merging of a surface's frontier with its floor, against closed forms."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from quarry.analysis.commands.crossing import merge_table
from quarry.analysis.crossing.merge import find_merge
from quarry.analysis.fitting.estimation import fit
from quarry.analysis.laws.chinchilla import CHINCHILLA
from quarry.analysis.laws.kaplan import KAPLAN_N, KAPLAN_ND
from quarry.analysis.laws.published import PUBLISHED
from quarry.analysis.laws.repeated_data import DATA_CONSTRAINED, epochs
from quarry.errors import FitError

GRID = pl.DataFrame(
    [(n, e, e / k) for n in np.geomspace(1e6, 1e9, 6) for e in np.geomspace(1e8, 1e11, 6) for k in (1, 8)],
    schema=["N", "E", "U"],
    orient="row",
)


@pytest.fixture(scope="module")
def own():
    """A fit of chinchilla to points of itself."""
    inputs = {name: GRID[name].to_numpy() for name in "NE"}
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(len(GRID)))
    losses = CHINCHILLA.predict(PUBLISHED["besiroglu"].params, inputs) * noise
    return fit(GRID.with_columns(loss=losses), "chinchilla", bootstrap=100)


def surface(own, law, params, draws=()):
    """The fit `own` with this law and parameters in place of its own, and with draws of these factors."""
    drawn = {name: value * np.array(draws) for name, value in params.items()} if draws else {}
    return replace(own, law=law, params=params, draws=drawn)


@pytest.mark.slow
def test_a_chinchilla_frontier_keeps_its_distance_from_its_floor(own):
    params = PUBLISHED["besiroglu"].params
    own = surface(own, CHINCHILLA, params)
    ratio = params["beta"] / params["alpha"]
    never, always = find_merge(own, eps=ratio * 0.99), find_merge(own, eps=ratio * 1.01)
    assert never.shown["excess"].to_numpy() == pytest.approx(ratio, rel=1e-4)
    assert never.flops is None
    assert "never within" in never.reason
    assert always.flops is None
    assert "they are within" in always.reason


@pytest.mark.slow
def test_kaplans_surface_lies_nine_per_cent_above_its_floor(own):
    params = PUBLISHED["kaplan-nd"].params
    own = replace(surface(own, KAPLAN_ND, params), warnings=("rejected",))
    assert find_merge(own).warnings == ("rejected",)
    expected = (1 + params["alpha_D"] / params["alpha_N"]) ** params["alpha_D"] - 1
    assert find_merge(own).shown["excess"].to_numpy() == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_muennighoffs_floor_is_both_caps(own):
    p = PUBLISHED["muennighoff"].params
    own = surface(own, DATA_CONSTRAINED, p)
    shown = find_merge(own).shown
    d = shown["E"].to_numpy()
    scale = DATA_CONSTRAINED.derive(p)["G"]
    enough = (d * scale) ** (p["beta"] / p["alpha"]) * scale
    n_term = p["A"] * (enough * (1 + p["R_N"])) ** -p["alpha"]
    d_term = p["B"] * (d * (1 + p["R_D"])) ** -p["beta"]
    np.testing.assert_allclose(shown["floor"], p["L_inf"] + n_term + d_term, rtol=1e-6)


@pytest.mark.slow
def test_worthwhile_repeats_that_fade_with_size_bring_a_frontier_to_its_floor_at_a_finite_budget(own):
    law = epochs(("coupling", "reuse"))
    params = dict(L_inf=1.8, A=400.0, B=2000.0, alpha=0.35, beta=0.37, kappa=0.9, R_0=15.0, p=0.0, q=0.3)
    found = find_merge(surface(own, law, params, (0.98, 1.0, 1.02)), eps=1.1)
    assert found.flops == pytest.approx(6.9e20, rel=0.05)
    assert found.shown.filter(pl.col("C") < found.flops / 10)["excess"].min() > 1.1
    assert found.shown.filter(pl.col("C") > found.flops * 10)["excess"].max() < 1.1
    assert (found.shown["loss"] >= found.shown["floor"]).all()
    assert found.p_never == 0
    assert found.interval[0] < found.flops < found.interval[1]


@pytest.mark.slow
def test_draws_tell_how_often_a_frontier_never_merges(own):
    found = find_merge(own, eps=own.params["beta"] / own.params["alpha"])
    assert 0 < found.p_never < 1
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["law"] == "chinchilla"


@pytest.mark.slow
def test_what_has_no_frontier_or_an_impossible_eps_is_refused(own):
    with pytest.raises(FitError, match="eps=0"):
        find_merge(own, eps=0)
    with pytest.raises(FitError, match="kaplan-n is no surface"):
        find_merge(surface(own, KAPLAN_N, PUBLISHED["kaplan-n"].params))


def test_a_merging_that_never_comes_is_printed_in_words(own):
    console = Console(record=True, width=200)
    console.print(merge_table(find_merge(surface(own, CHINCHILLA, PUBLISHED["besiroglu"].params))))
    assert "never within 0.05" in console.export_text()
