import math

import numpy as np
import pytest

from quarry.train.config.experiment import ScheduleConfig
from quarry.train.config.schedules import is_annealed, schedule


def whole(config: ScheduleConfig, steps: int, peak: float = 1.0) -> np.ndarray:
    rate = schedule(config, peak, steps)
    return np.array([rate(step) for step in range(steps)])


def test_wsd_over_the_whole_run():
    rates = whole(ScheduleConfig("wsd", warmup=0.2, decay=0.4), 10)
    cooled = [1 - math.sqrt(i / 5) for i in (1, 2, 3, 4)]
    np.testing.assert_allclose(rates, [0.5, 1, 1, 1, 1, 1, *cooled])


def test_wsd_cools_towards_its_final_fraction():
    rates = whole(ScheduleConfig("wsd", warmup=0, decay=0.5, final=0.1), 8, peak=3e-3)
    np.testing.assert_allclose(rates[:4], 3e-3)
    np.testing.assert_allclose(rates[4:], [3e-3 * (1 - 0.9 * math.sqrt(i / 5)) for i in (1, 2, 3, 4)])


@pytest.mark.parametrize("kind", ["wsd", "cosine"])
def test_no_step_is_spent_at_rate_zero(kind):
    assert whole(ScheduleConfig(kind), 50).min() > 0


def test_cosine_over_the_whole_run():
    rates = whole(ScheduleConfig("cosine", warmup=0.25, final=0.1), 8)
    falling = [0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * i / 7)) for i in range(1, 7)]
    np.testing.assert_allclose(rates, [0.5, 1, *falling])


def test_constant_only_warms_up():
    np.testing.assert_allclose(
        whole(ScheduleConfig("constant", warmup=0.5), 8), [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]
    )


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("kind", ["wsd", "cosine", "constant"])
def test_the_shortest_runs_have_a_rate(kind, steps):
    rates = whole(ScheduleConfig(kind, warmup=0.02, decay=0.2), steps)
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()


def test_annealed_is_the_end_of_a_decayed_schedule():
    assert is_annealed(ScheduleConfig("wsd"), 100, 100)
    assert not is_annealed(ScheduleConfig("wsd"), 99, 100)
    assert is_annealed(ScheduleConfig("cosine", final=0.1), 100, 100)
    assert not is_annealed(ScheduleConfig("cosine", final=0.5), 100, 100)
    assert not is_annealed(ScheduleConfig("constant"), 100, 100)
    assert not is_annealed(ScheduleConfig("wsd", decay=0.0), 100, 100)
    assert not is_annealed(ScheduleConfig("cosine"), 1, 1)


def test_a_cosine_that_is_all_warm_up_is_not_annealed():
    all_warm_up = ScheduleConfig("cosine", warmup_steps=100)
    assert whole(all_warm_up, 100)[-1] == 1.0
    assert not is_annealed(all_warm_up, 100, 100)
    assert is_annealed(ScheduleConfig("cosine", warmup_steps=98), 100, 100)
