"""The crossing of two known laws: its closed form, the search, and laws that do not cross."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarry.analysis.crossing.four_laws import Growth, LossLaw
from quarry.analysis.crossing.known_laws import (
    CONVENTIONS,
    NoCrossing,
    flops_interval,
    flops_median,
    log10_meeting,
    meeting,
    naive_crossing,
    never_share,
    published_crossings,
)
from quarry.analysis.laws.published import PF_DAY
from quarry.analysis.laws.published_trends import TRENDS
from quarry.errors import FitError

KAPLAN = dict(C_c=3.1e8 * PF_DAY, alpha_C=0.050, D_c=5.4e13, alpha_D=0.095)
TABLE_6 = Growth.of(TRENDS["kaplan-d-opt"])


def kaplan(p: float = 0.27, tokens: float = 2e10, **changed):
    """Kaplan's crossing with D = `tokens` C^p, C in PF-days."""
    return naive_crossing(**(KAPLAN | changed), D_0=tokens * PF_DAY**-p, p=p)


def test_kaplans_two_conventions_give_their_two_crossings():
    table_6, eq_6_7 = published_crossings().values()
    assert table_6.flops / PF_DAY == pytest.approx(1.1e4, rel=0.03)
    assert table_6.loss == pytest.approx(1.67, abs=0.005)
    assert table_6.tokens == pytest.approx(2.5e11, rel=0.02)
    assert table_6.n == pytest.approx(1.2e12, rel=0.03)
    assert eq_6_7.flops / PF_DAY == pytest.approx(1.1e5, rel=0.04)
    assert eq_6_7.loss == pytest.approx(1.49, abs=0.005)
    assert eq_6_7.tokens == pytest.approx(8.1e11, rel=0.01)
    assert [table_6.convention, eq_6_7.convention] == list(CONVENTIONS)
    assert all(own.source and own.status == "read in the paper" for own in CONVENTIONS.values())


def test_the_closed_form_in_flops_is_that_of_the_named_convention():
    table_6, eq_6_7 = published_crossings().values()
    assert kaplan().flops == pytest.approx(table_6.flops, rel=1e-9)
    assert kaplan(0.26, 4e10).flops == pytest.approx(eq_6_7.flops, rel=1e-9)


@pytest.mark.parametrize(("name", "least", "most"), [("alpha_C", 2.5, 3.3), ("alpha_D", 2.5, 3.3)])
def test_five_per_cent_of_an_exponent_moves_the_crossing_about_threefold(name, least, most):
    for factor in (0.95, 1.05):
        moved = kaplan(**{name: KAPLAN[name] * factor}).flops / kaplan().flops
        assert least < max(moved, 1 / moved) < most


def test_five_per_cent_of_the_datas_growth_moves_it_less():
    for factor in (0.95, 1.05):
        moved = kaplan(0.27 * factor).flops / kaplan().flops
        assert 1.5 < max(moved, 1 / moved) < 1.8


def test_laws_that_do_not_close_in_have_no_crossing_and_say_so():
    for found in (kaplan(alpha_C=0.095 * 0.27), kaplan(alpha_C=0.02)):
        assert isinstance(found, NoCrossing)
        assert "no faster than L(D(C))" in found.reason


def test_laws_that_crossed_below_one_flop_have_no_crossing_ahead():
    found = naive_crossing(C_c=1e-9, alpha_C=0.1, D_c=1e30, alpha_D=0.1, D_0=1.0, p=0.5)
    assert isinstance(found, NoCrossing)
    assert "from 1 FLOP on" in found.reason


@pytest.mark.parametrize("bad", [{"alpha_C": 0.0}, {"D_c": math.nan}, {"C_c": -1.0}])
def test_a_constant_that_is_no_positive_number_is_refused_by_name(bad):
    with pytest.raises(FitError, match=f"{next(iter(bad))}="):
        kaplan(**bad)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_growth_beyond_numbers_is_zero_or_infinite_and_gives_no_crossing(sign):
    steep = Growth(1.0, 40.0 * sign)
    np.testing.assert_array_equal(steep.at(np.array([1.0, 1e20])), [1.0, math.inf if sign > 0 else 0.0])
    found = meeting(LossLaw(1e30, 0.5), LossLaw(1e3, 1e-3), steep)
    assert isinstance(found, NoCrossing)
    assert "overflows" in found.reason
    sized = meeting(LossLaw(1e30, 0.5), LossLaw(1e3, 1e-3), TABLE_6, steep)
    assert isinstance(sized, NoCrossing)


def test_constants_of_a_steep_growth_or_a_huge_loss_are_no_untyped_error():
    found = naive_crossing(C_c=1e25, alpha_C=0.5, D_c=1e12, alpha_D=1e-3, D_0=1.0, p=100.0)
    assert isinstance(found, NoCrossing)
    assert "overflows" in found.reason
    huge = naive_crossing(C_c=1e200, alpha_C=3.0, D_c=1e295, alpha_D=2.0, D_0=1.0, p=0.5)
    assert isinstance(huge, NoCrossing)


EXPONENT, SCALE = st.floats(0.02, 0.5), st.floats(5.0, 20.0)


@settings(max_examples=200)
@given(EXPONENT, EXPONENT, st.floats(0.1, 1.0), SCALE, SCALE, st.floats(0, 2), st.floats(0, 2))
def test_a_crossing_lies_on_both_curves_and_goes_from_above_to_below(a, b, p, c, d, offset_c, offset_d):
    compute, data = LossLaw(10**c, a, offset_c), LossLaw(10**d, b, offset_d)
    tokens = Growth(0.1, p)
    position = log10_meeting(compute, data, tokens)
    if not 0 < position < 59:
        return
    gaps = [compute.at(c) - data.at(tokens.at(c)) for c in 10.0 ** (position + np.array([-0.01, 0.0, 0.01]))]
    scale = compute.at(10.0**position)
    assert gaps[0] >= -1e-9 * scale
    assert gaps[1] == pytest.approx(0, abs=1e-9 * scale)
    assert gaps[2] <= 1e-9 * scale


def test_a_shared_irreducible_loss_moves_the_loss_and_not_the_budget():
    shifted = naive_crossing(**KAPLAN, D_0=TABLE_6.scale, p=0.27, L_inf=0.7)
    assert shifted.flops == pytest.approx(kaplan().flops)
    assert shifted.loss == pytest.approx(kaplan().loss + 0.7)


def test_two_irreducible_losses_are_searched_and_one_as_good_as_shared_agrees_with_the_closed_form():
    compute, data = LossLaw(KAPLAN["C_c"], 0.05, 0.7 + 1e-13), LossLaw(KAPLAN["D_c"], 0.095, 0.7)
    assert meeting(compute, data, TABLE_6).flops == pytest.approx(kaplan().flops, rel=1e-6)
    higher = meeting(replace(compute, offset=1.5), data, TABLE_6)
    assert isinstance(higher, NoCrossing)
    assert "stays above" in higher.reason


def test_draws_without_a_crossing_open_the_interval_upwards_and_unfitted_ones_on_both_sides():
    positions = np.array([20.0, 21.0, 22.0, 23.0, math.inf])
    assert flops_median(positions) == pytest.approx(1e22)
    assert flops_interval(positions, 0.5) == pytest.approx((1e21, 1e23))
    assert flops_interval(positions, 0.9) == (pytest.approx(1e20), None)
    assert flops_interval(np.append(positions, math.nan), 0.9) == (None, None)
    assert flops_interval(np.append(positions, 0.0), 0.9) == (None, None)
    assert never_share(np.append(positions, math.nan)) == pytest.approx(0.2)


def test_without_draws_nothing_is_told():
    none = np.array([])
    assert (flops_median(none), flops_interval(none, 0.9), never_share(none)) == (
        None,
        (None, None),
        None,
    )
