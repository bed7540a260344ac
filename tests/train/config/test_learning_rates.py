"""The rate by Kaplan's rule."""

import pytest

from quarry.errors import ConfigError
from quarry.train.config.learning_rates import kaplan_learning_rate


@pytest.mark.parametrize(("n", "rate"), [(1e6, 1.31e-3), (1e8, 6.7e-4), (1e9, 3.5e-4)])
def test_the_rates_of_the_paper(n, rate):
    assert kaplan_learning_rate(n) == pytest.approx(rate, rel=0.01)


@pytest.mark.parametrize("n", [0, 1e11])
def test_where_the_rule_gives_none_it_says_so(n):
    with pytest.raises(ConfigError, match="rate"):
        kaplan_learning_rate(n)
