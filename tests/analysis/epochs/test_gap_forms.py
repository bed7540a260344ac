"""The forms of the gap between first pass and floor: which vanish, judged at each larger size."""

import numpy as np
import pytest

from quarry.analysis.epochs.gap import Gap
from quarry.analysis.epochs.gap_forms import REMAIN, VANISH, forms_table, gap_forms, gap_laws
from quarry.analysis.epochs.noise import Noise
from quarry.analysis.fitting.intervals import IntervalSettings

SIZES, TOKENS = 6e3 * 4.0 ** np.arange(5), 2.0 ** np.array([16, 18, 20, 22])
SETTINGS, NOISE = IntervalSettings.of_noise(0.95, 20), Noise(0.0, 0.003, 0.004, 20)
N, E = np.meshgrid(SIZES / SIZES[0], TOKENS / TOKENS[0], indexing="ij")
TRUE = {
    "additive": 0.4 * N**-0.5 + 0.3 * E**-0.2,
    "remainder": 0.2 * E**-0.1 + 0.5 * E**-0.05 * N ** -(0.1 + 0.08 * np.log(E)),
    "multiplicative": 0.2 * N**-0.75 + 0.5 * E**-0.1 * N**-0.2,
    "steeper": 0.7 * E**-0.05 * N ** -(0.05 + 0.06 * np.log(E)),
}


def gap_of(truth, scatter=0.0, draws=100, seed=0):
    random = np.random.default_rng(seed)
    values = truth * np.exp(scatter * random.standard_normal((1 + draws, *truth.shape)))
    values[0] = truth
    return Gap(SIZES, TOKENS, values, np.full((1 + draws, len(TOKENS)), 1.5))


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUE)
def test_the_true_form_predicts_the_largest_size_and_its_family_wins(name):
    found = gap_forms(gap_of(TRUE[name], scatter=0.005))
    error = {form: np.sqrt(errors[0]) for form, errors in found.held_out.items()}
    assert error[name] < 0.06
    family, other = (VANISH, REMAIN) if name in VANISH else (REMAIN, VANISH)
    assert min(error[form] for form in family) < min(error[form] for form in other)
    assert (found.vanishes.mean() > 0.8) == (name in VANISH)


def test_the_law_gives_the_exponent_and_the_size_at_which_a_gap_is_left():
    gap = gap_of(TRUE["steeper"], draws=0)
    law = gap_forms(gap).law
    for e in TOKENS:
        exponent = 0.05 + 0.06 * np.log(e / TOKENS[0])
        assert law.exponent(e)[0] == pytest.approx(exponent, abs=1e-4)
    left = law.size_at(np.array([0.1]), TOKENS[-1])[0]
    at = 0.7 * (TOKENS[-1] / TOKENS[0]) ** -0.05 * (left / SIZES[0]) ** -(0.05 + 0.06 * np.log(64))
    assert at == pytest.approx(0.1, rel=1e-3)


def test_a_size_too_far_off_is_no_size():
    gap = gap_of(TRUE["steeper"], draws=0)
    rows = gap_laws(gap, gap_forms(gap), NOISE, SETTINGS)
    assert rows["N_merge"][0] is None
    assert rows["N_merge"][-1] == pytest.approx(
        SIZES[0] * (0.7 * 64**-0.05 / 0.015) ** (1 / 0.2995), rel=0.02
    )


def test_rising_gaps_have_no_exponent_of_falling():
    law = gap_forms(gap_of(0.3 * N**0.1 * E**-0.1, draws=0)).law
    assert law.exponent(TOKENS[0])[0] == pytest.approx(-0.1, abs=1e-4)
    assert law.size_at(np.array([0.1]), TOKENS[0])[0] == np.inf


def test_gaps_that_bear_no_form_give_empty_tables():
    below = gap_of(TRUE["additive"] - 0.5, draws=0)
    assert gap_forms(below) is None
    assert gap_laws(below, None, NOISE, SETTINGS).is_empty()
    assert forms_table(None, SETTINGS).is_empty()
