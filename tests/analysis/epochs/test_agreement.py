"""Laws carried beyond the sizes trained: which of them count, and that a verdict needs them all."""

import numpy as np
import pytest

from quarry.analysis.epochs.agreement import Answer, Fitted, of_passes, of_surfaces, together
from quarry.analysis.epochs.capacity import common_targets, least_without_end, states_table
from quarry.analysis.epochs.grid import Grid
from quarry.analysis.epochs.passes import passes_to
from quarry.analysis.epochs.surfaces import SURFACES, Cells, fit_surfaces
from quarry.analysis.fitting.intervals import IntervalSettings

SIZES, UNIQUE, PASSES = 1e4 * 2.0 ** np.arange(7), 2.0 ** np.array([16, 18, 20]), 2.0 ** np.arange(-2, 7)
N, U, K = np.meshgrid(SIZES / SIZES[0], UNIQUE / UNIQUE[0], PASSES, indexing="ij")
SETTINGS = IntervalSettings(0.95)


def grid(needed, own=0.0, draws=40, noise=0.003):
    """Losses that come down to 1.1 after `needed` passes [N, U, k], and to 1 + `own` without end."""
    losses = 1 + own + 0.1 * (K / needed) ** -0.7
    random = np.random.default_rng(0)
    drawn = losses * np.exp(noise * random.standard_normal((1 + draws, *losses.shape)))
    drawn[0] = losses
    return Grid(SIZES, UNIQUE, PASSES, drawn)


def passes(found, target, name):
    return passes_to(
        found, least_without_end(found), np.full((len(found.losses), len(UNIQUE)), target), name, 0
    )


def answers(found, own=None):
    near = passes(found, 1.1, "near")
    return {answer.law: answer for answer in of_passes(near, own or near, found, 2.0**18, 0)}


def test_a_law_without_the_interaction_is_rejected_where_the_cells_have_one():
    separable, coupled = (grid(20 * N ** -(0.3 + d * np.log(U)) * U**0.1) for d in (0.0, 0.1))
    assert answers(separable)["k ~ N^-b U^c"].objection == ""
    assert "raises the log-likelihood" in answers(coupled)["k ~ N^-b U^c"].objection
    laws = passes(coupled, 1.1, "near").laws
    assert laws.gain > 5
    assert not laws.pooled(SETTINGS)
    for u in UNIQUE:
        assert -laws.interaction.exponent(u)[0] == pytest.approx(0.3 + 0.1 * np.log(u / UNIQUE[0]), abs=0.03)


def test_no_law_may_fall_below_the_passes_to_each_sizes_own_best():
    """Passes to a common loss that fall with N, beside passes to one's own best that grow with it."""
    found = grid(20 * N**-0.4)
    growing = passes(grid(2 * N**0.3), 1.1, "own")
    assert all("own best" in answer.objection for answer in answers(found, growing).values())
    falling = passes(grid(2 * N**-0.4), 1.1, "own")
    one = answers(found, falling)["k ~ N^-b U^c"]
    assert one.objection == ""
    assert one.sizes[0] == pytest.approx(SIZES[0] * 20 ** (1 / 0.4), rel=0.2)


def test_a_size_that_cannot_reach_the_loss_is_no_slow_one():
    """Sizes below the fourth end above the target: the passes of the others alone tell the speed."""
    own = np.where(N < 8, 0.12, -0.02)
    found = grid(20 * N**-0.2, own)
    near = passes(found, 1.1, "near")
    limits = least_without_end(found)
    states = states_table(found, near.logs, limits, near.target, SETTINGS)
    assert set(states.filter(states["N"] < 8 * SIZES[0])["state"]) == {"out of reach"}
    assert set(states.filter(states["N"] >= 8 * SIZES[0])["state"]) == {"reached"}
    assert -near.laws.separable.of_n[0] == pytest.approx(0.2, abs=0.03)
    common = common_targets(found)[0]
    assert (found.of_size[0] < common).all()


def test_a_verdict_needs_every_law_that_counts():
    yes, no = Answer("one", np.full(101, 1e6)), Answer("other", np.full(101, np.inf))
    assert together([yes, yes, Answer("refuted", no.sizes, "rejected")])[0] == "yes"
    assert together([no, no])[0] == "no"
    assert together([no]) == ("undecided", "one law alone counts: other: at no size")
    holds, words = together([yes, no])
    assert holds == "undecided"
    assert words == "the laws disagree: one: from 10⁶ parameters on, in 100% of draws; other: at no size"


def test_without_draws_there_is_no_verdict():
    sure, never = Answer("one", np.array([1e6])), Answer("other", np.array([np.inf]))
    for answers in ([sure, sure], [never, never]):
        assert together(answers)[0] == "undecided"
    assert together([sure, never])[1] == (
        "without draws there is no verdict: one: from 10⁶ parameters on; other: at no size"
    )


def test_a_surface_without_a_coupling_says_that_no_size_needs_one_pass_only():
    """B / E^beta stays however large the model; in the coupled surface of these constants likewise."""
    n, u, k = (axis.ravel() for axis in (N * SIZES[0], U * UNIQUE[0], K))
    law = SURFACES["overfit-epochs"]
    params = {
        "L_inf": 1.0,
        "A": 20.0,
        "B": 60.0,
        "alpha": 0.4,
        "beta": 0.3,
        "P": 1e-6,
        "delta": 1.0,
        "kappa": 0.5,
    }
    noise = np.exp(0.002 * np.random.default_rng(0).standard_normal(len(n)))
    loss = law.predict(params, {"N": n, "U": u, "E": k * u}) * noise
    fitted = fit_surfaces(Cells(n, u, k * u, loss), 20, 0, {law.name: law})
    assert fitted[0].held_out.max() < 0.01
    known = Fitted(21, SIZES[0], 4e-6, 20)
    near, far = (answers[0] for answers in of_surfaces(fitted, known, UNIQUE[1], (0.05, 0.9)))
    assert (near.holds, near.objection, far.holds) == ("no", "", "yes")
    quiet = Fitted(21, SIZES[0], 1e-8, 20)
    assert "above the noise" in of_surfaces(fitted, quiet, UNIQUE[1], (0.05,))[0][0].objection
