"""Overfitting by L(N, U) against Kaplan's numbers."""

import numpy as np
import pytest

from quarry.analysis.laws.kaplan import KAPLAN_ND
from quarry.analysis.laws.kaplan_frontier import converged_loss
from quarry.analysis.laws.kaplan_overfitting import (
    data_for,
    overfitting,
    stopping_step,
    tokens_by_rule,
    tokens_to_avoid_overfitting,
)
from quarry.analysis.laws.published import find_published
from quarry.errors import FitError

NS, ND = (find_published(name).params for name in ("kaplan-ns", "kaplan-nd"))


@pytest.mark.parametrize(("n", "delta"), [(1e6, 0.0213), (1e8, 0.0211), (1e9, 0.0210)])
def test_kaplans_rule_keeps_overfitting_near_2_percent(n, delta):
    assert overfitting(n, tokens_by_rule(n)) == pytest.approx(delta, abs=5e-5)


def test_tokens_by_the_rule_and_by_the_law():
    assert tokens_by_rule(1e9) == pytest.approx(2.29e10, rel=3e-3)
    assert overfitting(1e9, tokens_to_avoid_overfitting(1e9)) == pytest.approx(0.02)
    assert overfitting(1e7, tokens_to_avoid_overfitting(1e7, delta=0.1)) == pytest.approx(0.1)


def test_overfitting_is_the_ratio_of_the_laws_losses():
    ratio = KAPLAN_ND.predict(ND, {"N": 1e8, "U": 1e8}) / converged_loss(1e8, ND)
    assert overfitting(1e8, 1e8) == pytest.approx(ratio - 1)


def test_8_times_the_size_needs_about_5_times_the_data():
    assert data_for(8) == pytest.approx(5, abs=0.4)
    assert overfitting(8e8, data_for(8) * 1e9) == pytest.approx(overfitting(1e8, 1e9))


def test_early_stopping_comes_later_with_more_data():
    steps = stopping_step(1e8, np.array([1e8, 1e9, 1e10]), NS)
    assert np.all(np.diff(steps) > 0)
    gap = KAPLAN_ND.predict(ND, {"N": 1e8, "U": 1e9}) - converged_loss(1e8, ND)
    assert (NS["S_c"] / steps[1]) ** NS["alpha_S"] == pytest.approx(gap)


def test_data_without_limit_have_no_early_stop():
    with pytest.raises(FitError, match="does not overfit this much data"):
        stopping_step(1e8, 1e60, NS)
